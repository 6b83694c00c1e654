"""Every config key there is, with its default and its meaning.

Variants hold differences only. A key that is not here is an error, whoever sets it.
Lengths are in steps where the key ends in `_every` or `_steps`, in epochs where it says epochs.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def get_config() -> ConfigDict:
    config = ConfigDict()

    # The run.
    config.seed = 42  # every random number follows from it
    config.num_seeds = 1  # runs of seed, seed + 1, ... trained together, a folder each
    config.family = "cvae_gan"  # "cvae_gan", "vae", "gan" or "classifier"
    config.batch_size = 128  # images per step, over all devices
    config.num_epochs = 20.0  # length of training; ignored when num_steps is set
    config.num_steps = placeholder(int)  # length of training in steps
    config.log_every = 50  # steps between lines of metrics.jsonl (averages over them)
    config.sample_every = 1000  # steps between sample grids from fixed latents; 0: never
    config.eval_every = 2000  # steps between evaluations on `eval.examples` images; 0: never
    config.eval_epochs = ()  # epochs after which to evaluate as well, for the report's table
    config.checkpoint_every = 1000  # steps between checkpoints; one is always made at the end
    config.keep_checkpoints = (
        2  # newest checkpoints kept, beside the best on the test set, if evaluated
    )
    config.steps_per_call = 0  # steps the devices are given at once; 0: 10, and 1 on a CPU. What is
    # due after a step waits for the end of its call, which a checkpoint is
    config.ledger_every = 50  # steps between lines of audit/ledger.jsonl; 0: no ledger
    config.precision = "float32"  # of networks in training; "bfloat16" is faster on GPUs and TPUs
    # (parameters, statistics, losses and evaluation stay float32)
    config.deterministic = True  # the same bits every time; refused where it cannot be had
    config.profile = False  # trace a few early steps, for TensorBoard and Perfetto, and sum them up
    config.resume = resume = ConfigDict()  # what resuming a run under other circumstances does:
    resume.config = "refuse"  # keys that say what is trained: "refuse" to differ, or "record" it
    resume.code = "record"  # versions, kinds of devices, lines of gen_jax: likewise

    # Data.
    config.data = data = ConfigDict()
    data.name = "shapes"  # "shapes" (embedded), "folder", "ring" or "grid" (points in the plane),
    # "stacked_mnist" (three digits as colour channels, 1,000 modes), or any TFDS image data set
    data.dir = placeholder(str)  # TFDS or packed directory, or image folder; else $TFDS_DATA_DIR
    data.label = "label"  # the TFDS feature that is the class, such as cifar100's coarse_label
    data.image_size = 0  # height and width in pixels; 0: the source's own
    data.channels = 0  # 1 or 3; 0: the source's own
    data.num_classes = 0  # shapes: 10 to 100; 0: the source's own
    data.num_train = 0  # training images used; 0: all
    data.num_test = 0  # test images used; 0: all
    data.keep = ""  # shapes: values of factors to keep, such as "shape=heart, size=0|3|5"; "": all
    data.train_classes = ()  # labels to train on; (): all. The others are anomalies in the test set
    data.scarce = ""  # classes of which only the first training images are used: "8=50, 3=20"
    data.flip = False  # mirror half of the training images, left to right
    data.resident = "auto"  # training images on the devices: "auto" (GPUs and TPUs with room for
    # them), "always" or "never"
    data.cache = placeholder(str)  # where decoded TFDS images are kept; "": nowhere
    data.stream = False  # decode on demand instead of into memory

    # The model: q(z | x, y), p(x | z, y) and D(x, y). The generator of a VAE is its decoder.
    config.z_dim = 128  # latent dimensions
    config.conditional = True  # whether the networks see the label y
    config.label_dim = 64  # size of the label embeddings of encoder and generator
    config.ema_decay = 0.0  # moving average of encoder and generator used to evaluate; 0: off
    config.init_std = 0.0  # "gan", "cvae_gan": of normal initial kernels; 0: variance scaling
    config.n_critic = 1  # "gan": discriminator updates a step, each on fresh real and fake images
    config.encoder = encoder = ConfigDict()
    encoder.net = "conv"  # "dense", "conv" or "resnet"
    encoder.widths = (64, 128, 256)  # channels, each halving height and width; units if dense
    encoder.hidden = 512  # units of a last hidden layer, where the label joins; 0: none
    encoder.norm = "batch"  # "none", "batch" or "conditional_batch"
    encoder.dropout = 0.0  # of hidden layers, per example
    encoder.lr = 2e-4  # Adam's learning rate
    config.generator = generator = ConfigDict()
    generator.net = "conv"  # "dense", "conv" or "resnet"
    generator.widths = (256, 128, 64)  # channels, each doubling height and width; units if dense
    generator.hidden = 0  # units of a first hidden layer; 0: none
    generator.norm = "conditional_batch"  # "none", "batch" or "conditional_batch"
    generator.label = "input"  # how it sees y: "input" (embedded beside z, and by conditional batch
    # norm where it has that) or "norm" (by conditional batch norm alone)
    generator.dropout = 0.0
    generator.activation = "relu"  # "relu" or "leaky_relu" (slope 0.2), of hidden layers
    generator.attention = 0  # side of the feature maps that attend to themselves; 0: none
    generator.lr = 2e-4
    config.discriminator = discriminator = ConfigDict()
    discriminator.net = "conv"  # "dense", "conv" or "resnet"
    discriminator.widths = (32, 64, 128)  # channels; units of FactorVAE's, which judges z
    discriminator.hidden = 256  # units of a last hidden layer, unless "resnet"; 0: none
    discriminator.spectral_norm = False  # one power iteration a step (Miyato et al. 2018)
    discriminator.norm = "none"  # "none", "batch" or "layer"; never of the first layer
    discriminator.lr = 1e-4
    # What only the family "gan" reads of it.
    discriminator.dropout = 0.0
    discriminator.attention = 0  # as the generator's
    discriminator.label = "projection"  # how it sees y: "projection", or "auxiliary" (names it)
    discriminator.minibatch = "none"  # "discrimination" (Salimans et al. 2016) or "stddev"
    discriminator.pack = 1  # images judged together, stacked as channels (PacGAN)
    discriminator.one_pass = False  # real and fake as one batch: the same to rounding
    discriminator.clip = 0.0  # bound of every weight after an update (Arjovsky et al. 2017); 0: no
    discriminator.augment = ()  # of real and fake: "color", "translation", "cutout" (DiffAugment)
    config.codes = codes = ConfigDict()  # InfoGAN's (Chen et al. 2016), beside z
    codes.categorical = 0  # values of a categorical code; 0: none
    codes.continuous = 0  # continuous codes, uniform on [-1, 1]
    config.classifier = classifier = ConfigDict()
    classifier.widths = (64, 128, 256)  # of Bao et al. 2017, if its weight > 0; family "classifier"
    classifier.lr = 2e-4
    # What only the family "classifier" reads of it.
    classifier.net = "conv"  # "conv" or "resnet", whose first width does not halve the image
    classifier.blocks = 1  # "resnet": residual blocks per width
    classifier.augment = ()  # of training images: "flip", "shift" (an eighth of the side at most)
    config.optimizer = optimizer = ConfigDict()
    optimizer.name = "adam"  # "adam", "rmsprop" or "sgd", every network's
    optimizer.b1 = 0.5  # of Adam; momentum of SGD
    optimizer.b2 = 0.999  # of Adam; decay of RMSProp's mean square, which starts at 0: take 0.9
    optimizer.weight_decay = 0.0  # decoupled, of kernels only (Loshchilov & Hutter 2019)
    optimizer.decay_epochs = 0.0  # epochs over which learning rates fall to 0; 0: they do not
    optimizer.decay = "cosine"  # along what: "cosine" or "linear"

    # The objective of encoder and generator: a weighted sum of per-example terms, averaged over
    # the batch. Which term reaches whom is in the docstring of gen_jax/families/cvae_gan.py.
    config.loss = loss = ConfigDict()
    loss.reconstruction_reduction = "sum"  # over pixels: "sum" or "mean"
    loss.reconstruction_weight = 1.0
    loss.kl_reduction = "sum"  # KL over latent dimensions, nats: "sum" or "mean"
    loss.beta = 0.2  # weight of the KL
    loss.adversarial = "non_saturating"  # "non_saturating" (BCE), "minimax", "hinge",
    # "least_squares" or "wasserstein"
    loss.lambda_adv = 0.1  # weight of the adversarial term; 0: no discriminator at all
    loss.lambda_mode = "relative"  # "fixed": lambda_adv itself; "relative": what makes the gradient
    # of the adversarial term lambda_adv times as large as the reconstruction's at the picture
    loss.prior_weight = 10.0  # of prior samples in the adversarial term, reconstructions being 1
    loss.judge_reconstructions = True  # False: the discriminator is shown prior samples alone
    loss.adversarial_to_encoder = True  # False: a stop-gradient keeps that term from the encoder
    loss.vae_epochs = 0.0  # epochs with lambda 0 first; the discriminator trains meanwhile
    loss.lambda_ramp_epochs = 0.0  # epochs over which lambda then grows linearly to its value
    loss.feature_weight = 0.0  # D's features of image and reconstruction (Larsen et al. 2016)
    loss.mean_feature_weight = 0.0  # D's mean features, real and prior (Bao et al. 2017, eq. 3)
    loss.classifier_weight = 0.0  # classifier's features, pairs and class means (Bao, eq. 5, 6)

    # What only the family "vae" reads (beside reductions, reconstruction_weight and beta).
    loss.objective = "elbo"  # "elbo", "tcvae", "factor", "iwae" or "autoencoder" (no KL, z = mean)
    loss.likelihood = "gaussian"  # "gaussian", "gaussian_learned", "bernoulli", "logistic"
    loss.sigma = 0.7071067811865476  # of "gaussian"; at sqrt(1/2), -log p is |x - x'|^2 + constant
    loss.binarise = "none"  # pixels: "none", "threshold" (0.5) or "dynamic" (anew every time)
    loss.num_samples = 1  # z drawn per image; the k of "iwae", an average otherwise
    loss.gamma = 0.0  # "factor": weight of the total correlation
    loss.kl_schedule = "constant"  # of beta: "constant", "linear", "cyclical" or "capacity"
    loss.kl_epochs = 0.0  # "linear", "capacity": length of the ramp; "cyclical": of a cycle, whose
    # first half is the ramp
    loss.kl_capacity = 0.0  # "capacity": beta |KL - C|, C ramping from 0 to so many nats
    loss.free_bits = 0.0  # nats below which a latent dimension's mean KL is not penalised
    loss.corruption = "none"  # of the input: "none", "gaussian", "masking" or "salt_and_pepper"
    loss.corruption_level = 0.0  # standard deviation on [-1, 1], or the fraction of pixels hit

    # What only the family "gan" reads (beside loss.adversarial).
    loss.real_label = 1.0  # the discriminator's target for real images; 0.9 is label smoothing
    loss.fake_label = 0.0  # and for generated ones; 0.1 as well makes it two-sided
    loss.penalty = "none"  # of D's gradient: "wgan_gp", "r1" or "dragan"
    loss.penalty_weight = 10.0
    loss.auxiliary_weight = 1.0  # of the cross-entropy of discriminator.label="auxiliary"
    loss.info_weight = 1.0  # of -log q(code | x), codes together, nats

    # A perceptual term: distance between images as a frozen network sees them.
    config.perceptual = perceptual = ConfigDict()
    perceptual.weight = 0.0  # 0: no such term
    perceptual.net = "classifier"  # "classifier" (family "classifier") or "vgg16" (torchvision's)
    perceptual.weights = placeholder(str)  # its file: a run's classifier.npz, or vgg16-*.pth
    perceptual.layers = ()  # layers compared, by index of the net's own list; (): its default

    # Evaluation and report.
    config.eval = evaluation = ConfigDict()
    evaluation.batch_size = 500  # images per device call
    evaluation.examples = 2000  # test images of the evaluations during training
    evaluation.samples = 2000  # prior samples drawn for sample statistics such as sharpness
    evaluation.pca = True  # fit PCA to the training images as a yardstick of reconstruction
    evaluation.nll_samples = 100  # z per image of the importance-sampled log-likelihood; 0: none
    evaluation.nll_examples = 1000  # test images it is computed on
    evaluation.probe_examples = 10000  # training images the linear probe is fitted to; 0: no probe
    evaluation.probe_during = False  # also at evaluations during training
    evaluation.disentanglement = True  # where the data's generative factors are known
    evaluation.baselines = False  # also for pixels, PCA, ICA and the untrained encoder
    evaluation.projection = 2000  # test images in the pictures of the latent space; 0: none
    evaluation.classifier = placeholder(str)  # a run's classifier.npz: names what samples show, and
    # its features are what FD-classifier compares them by
    evaluation.classified = 10000  # samples it names
    evaluation.inception_weights = placeholder(str)  # Inception-v3's, for FID: .npz or .pth
    evaluation.inception_taps = ("768", "2048", "logits_unbiased")  # those the weights suffice for
    evaluation.fidelity_samples = 10000  # samples (and test images, for the floor) of both
    evaluation.fidelity_during = 0  # samples of Frechet distances at evaluations during training
    evaluation.fidelity_fewer = ()  # such as 2000: distances of the first so many of them as well
    evaluation.fidelity_reals = 10000  # training images they are held against; 0: all
    evaluation.allow_few = False  # Frechet distances of fewer images than features
    evaluation.ex_post = (
        False  # FD-classifier of reconstructions, and of z fitted to codes, as well
    )
    evaluation.cas_samples = 0  # samples a classifier is trained on, to be asked about real images
    evaluation.cas_epochs = 10.0  # over them
    evaluation.augment_epochs = (
        0.0  # of classifiers that samples of data.scarce classes help; 0: no
    )
    evaluation.cache = placeholder(str)  # where features of real images are kept; "": nowhere
    evaluation.svm_examples = 0  # training images of an SVM on the discriminator's features; 0: no
    evaluation.inversions = 16  # test images whose z is sought by gradient descent; 0: none
    evaluation.inversion_steps = 500
    evaluation.grid_rows = 8  # classes of the class-conditional grid: the first ones
    evaluation.grid_columns = 10  # pictures a row

    return config
