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
      name: what its lines begin with, where several runs train together; they have no bars.
    """

    def __init__(self, start: int, stop: int, images: int, name: str = "") -> None:
        self._stop, self._images, self._name = stop, images, f"{name}  " if name else ""
        self._step, self._pauses = start, 0
        self._since, self._elapsed = time.perf_counter(), 0.0
        terminal = sys.stderr.isatty() and not name
        self._bar = tqdm(total=stop, initial=start, unit="step") if terminal else None

    def advance(self) -> None:
        """One more step was given to the devices."""
        if self._bar is not None:
            self._bar.update()

    def pause(self) -> None:
        """Training stops counting until there was a `resume` for every `pause`."""
        if not self._pauses:
            self._elapsed += time.perf_counter() - self._since
        self._pauses += 1

    def resume(self) -> None:
        """Training counts again."""
        self._pauses -= 1
        if not self._pauses:
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
                f"{self._name}step {step}/{self._stop}  {rate:.0f} img/s  {_duration(left)} left  "
                f"{numbers}",
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
