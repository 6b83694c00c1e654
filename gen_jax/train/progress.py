"""What a person sees of training: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping

from tqdm import tqdm

SHOWN = ("mse", "kl", "loss/adversarial", "loss/generator", "loss/discriminator")


class Progress:
    """Counts steps and their rate; time spent outside steps (`paused`) does not count.

    Args:
      start: steps done before.
      stop: steps in all.
      images: images a step sees, of all its draws.
    """

    def __init__(self, start: int, stop: int, images: int) -> None:
        self._stop, self._images = stop, images
        self._step = start
        self._since, self._elapsed = time.perf_counter(), 0.0
        terminal = sys.stderr.isatty()
        self._bar = tqdm(total=stop, initial=start, unit="step") if terminal else None

    def advance(self) -> None:
        """One more step was given to the devices."""
        if self._bar is not None:
            self._bar.update()

    def pause(self) -> None:
        """Training stops counting until `resume`."""
        self._elapsed += time.perf_counter() - self._since

    def resume(self) -> None:
        """Training counts again."""
        self._since = time.perf_counter()

    def report(self, step: int, scalars: Mapping[str, float]) -> float:
        """Shows scalars at `step`; returns images per second since the last report."""
        self.pause()
        steps, seconds = step - self._step, self._elapsed
        self._step, self._elapsed = step, 0.0
        self.resume()
        rate = steps * self._images / max(seconds, 1e-9)
        left = (self._stop - step) * self._images / max(rate, 1e-9)
        numbers = " ".join(
            f"{name.removeprefix('loss/')} {scalars[name]:.4g}" for name in SHOWN if name in scalars
        )
        if self._bar is not None:
            self._bar.set_postfix_str(f"{rate:.0f} img/s {numbers}")
        else:
            print(
                f"step {step}/{self._stop}  {rate:.0f} img/s  {_duration(left)} left  {numbers}",
                flush=True,
            )
        return rate

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"
