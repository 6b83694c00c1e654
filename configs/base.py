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
    config.family = "cvae_gan"  # one of gen_jax.families.FAMILIES
    config.batch_size = 128  # images per step, over all devices
    config.num_epochs = 20.0  # length of training; ignored when num_steps is set
    config.num_steps = placeholder(int)  # length of training in steps
    config.log_every = 50  # steps between lines of metrics.jsonl (averages over them)
    config.sample_every = 1000  # steps between sample grids from fixed latents; 0: never
    config.eval_every = 2000  # steps between evaluations on `eval.examples` images; 0: never
    config.checkpoint_every = 1000  # steps between checkpoints; one is always made at the end
    config.keep_checkpoints = 2  # newest checkpoints kept, beside the one with the best test mse

    # Data.
    config.data = data = ConfigDict()
    data.name = "shapes"  # "shapes" (embedded), "folder", or any TFDS image data set
    data.dir = placeholder(str)  # TFDS directory or image folder; default $TFDS_DATA_DIR
    data.label = "label"  # the TFDS feature that is the class, such as cifar100's coarse_label
    data.image_size = 0  # height and width in pixels; 0: the source's own
    data.channels = 0  # 1 or 3; 0: the source's own
    data.num_classes = 0  # shapes: 10 to 100; 0: the source's own
    data.num_train = 0  # training images used; 0: all
    data.num_test = 0  # test images used; 0: all
    data.flip = False  # mirror half of the training images, left to right
    data.stream = False  # decode on demand instead of into memory

    # The model: q(z | x, y), p(x | z, y) and D(x, y).
    config.z_dim = 128  # latent dimensions
    config.label_dim = 64  # size of the label embeddings of encoder and generator
    config.ema_decay = 0.0  # moving average of encoder and generator used to evaluate; 0: off
    config.encoder = encoder = ConfigDict()
    encoder.net = "conv"  # "conv" or "resnet"
    encoder.widths = (64, 128, 256)  # channels; each width halves height and width
    encoder.norm = "batch"  # "none", "batch" or "conditional_batch"
    encoder.lr = 2e-4  # Adam's learning rate
    config.generator = generator = ConfigDict()
    generator.net = "conv"  # "conv" or "resnet"
    generator.widths = (256, 128, 64)  # channels; each width doubles height and width
    generator.norm = "conditional_batch"  # "none", "batch" or "conditional_batch"
    generator.lr = 2e-4
    config.discriminator = discriminator = ConfigDict()
    discriminator.net = "conv"  # "conv" or "resnet"
    discriminator.widths = (32, 64, 128)
    discriminator.spectral_norm = False  # one power iteration a step (Miyato et al. 2018)
    discriminator.lr = 1e-4
    config.classifier = classifier = ConfigDict()
    classifier.widths = (64, 128, 256)  # the classifier of Bao et al. 2017; built if its weight > 0
    classifier.lr = 2e-4
    config.optimizer = optimizer = ConfigDict()
    optimizer.b1 = 0.5  # Adam's betas, every network's
    optimizer.b2 = 0.999

    # The objective of encoder and generator: a weighted sum of per-example terms, averaged over
    # the batch. Which term reaches whom is in the docstring of gen_jax/families/cvae_gan.py.
    config.loss = loss = ConfigDict()
    loss.reconstruction_reduction = "sum"  # squared error over pixels: "sum" or "mean"
    loss.reconstruction_weight = 1.0
    loss.kl_reduction = "sum"  # KL over latent dimensions, nats: "sum" or "mean"
    loss.beta = 0.2  # weight of the KL
    loss.adversarial = "non_saturating"  # "non_saturating" (BCE) or "hinge"
    loss.lambda_adv = 0.1  # weight of the adversarial term; 0: no discriminator at all
    loss.lambda_mode = "relative"  # "fixed": lambda_adv itself; "relative": lambda_adv times the
    # ratio of the reconstruction's to the adversarial term's gradient norm at the reconstruction
    loss.prior_weight = 10.0  # of prior samples in the adversarial term, reconstructions being 1
    loss.adversarial_to_encoder = True  # False: a stop-gradient keeps that term from the encoder
    loss.vae_epochs = 0.0  # epochs with lambda 0 first; the discriminator trains meanwhile
    loss.lambda_ramp_epochs = 0.0  # epochs over which lambda then grows linearly to its value
    loss.feature_weight = 0.0  # D's features of image and reconstruction (Larsen et al. 2016)
    loss.mean_feature_weight = 0.0  # D's mean features, real and prior (Bao et al. 2017, eq. 3)
    loss.classifier_weight = 0.0  # classifier's features, pairs and class means (Bao, eq. 5, 6)

    # Evaluation and report.
    config.eval = evaluation = ConfigDict()
    evaluation.batch_size = 500  # images per device call
    evaluation.examples = 2000  # test images of the evaluations during training
    evaluation.samples = 2000  # prior samples drawn for sample statistics such as sharpness
    evaluation.pca = True  # fit PCA to the training images as a yardstick of reconstruction
    evaluation.grid_rows = 8  # classes of the class-conditional grid: the first ones
    evaluation.grid_columns = 10  # pictures a row

    return config
