"""Where somebody will be: a Kalman filter of their box.

The four numbers of a box (centre x, y, width, height) are filtered on their own, the centre with a
velocity: after Bewley et al., "Simple Online and Realtime Tracking" (2016), with noise in
proportion to the person's height as in DeepSORT (Wojke et al., 2017), and real time steps. The size
only wanders. Given a velocity too, as there, the box of somebody who is passing behind others, of
whom less is seen from frame to frame, went on shrinking while they were hidden.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pymafsam.tracking.settings import Settings

Box = Float[np.ndarray, "4"]  # x0 y0 x1 y1


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """A box with its velocity, pixels and pixels per second, as known at ``seconds``.

    ``place`` holds centre x, centre y, width, height; ``spread`` their covariance with the
    velocities, one 2 x 2 matrix for each. The velocities of width and height are 0.
    """

    seconds: float
    place: Float[np.ndarray, "4"]
    velocity: Float[np.ndarray, "4"]
    spread: Float[np.ndarray, "4 2 2"]

    @staticmethod
    def begin(box: Box, seconds: float, settings: Settings) -> "Motion":
        """Somebody seen for the first time: at rest, as far as is known."""
        place = centred(box)
        spread = np.zeros((4, 2, 2))
        spread[:, 0, 0] = (settings.blurred * place[3]) ** 2
        spread[:2, 1, 1] = place[3] ** 2  # a height per second: a brisk walk
        return Motion(seconds=seconds, place=place, velocity=np.zeros(4), spread=spread)

    def at(self, seconds: float, settings: Settings) -> "Motion":
        """Expected at another time, later or earlier.

        Over ``steady`` seconds the velocity holds, then it fades: nobody unseen goes on for long.
        The size is expected to be as it was.
        """
        ahead = seconds - self.seconds
        unseen = max(abs(ahead) - settings.steady, 0.0)
        faded = float(np.exp(-unseen / settings.coast))
        going = abs(ahead) - unseen + settings.coast * (1 - faded)
        travelled = np.sign(ahead) * going
        carry = np.tile(np.eye(2), (4, 1, 1))
        carry[:2] = [[1.0, travelled], [0.0, faded]]
        step = np.array([travelled**2 / 2, travelled])
        noise = np.zeros((4, 2, 2))
        noise[:2] = (settings.jerky * self.place[3]) ** 2 * np.outer(step, step)
        noise[2:, 0, 0] = (settings.swelling * self.place[3]) ** 2 * abs(ahead)
        spread = carry @ self.spread @ carry.transpose(0, 2, 1) + noise
        place = self.place + travelled * self.velocity
        return Motion(seconds=seconds, place=place, velocity=faded * self.velocity, spread=spread)

    def seen(self, box: Box, settings: Settings) -> "Motion":
        """Corrected by a box seen at the same time (Kalman's update)."""
        place = centred(box)
        noise = (settings.blurred * place[3]) ** 2
        gain = self.spread[:, :, 0] / (self.spread[:, :1, 0] + noise)
        surprise = place - self.place
        spread = self.spread - gain[:, :, None] * self.spread[:, None, 0]
        return replace(
            self,
            place=self.place + gain[:, 0] * surprise,
            velocity=self.velocity + gain[:, 1] * surprise,
            spread=spread,
        )

    @property
    def box(self) -> Box:
        """The box, x0 y0 x1 y1."""
        half = self.place[2:] / 2
        return np.concatenate([self.place[:2] - half, self.place[:2] + half])


def centred(box: Box) -> Float[np.ndarray, "4"]:
    """x0 y0 x1 y1 -> centre x, centre y, width, height (at least a pixel each)."""
    box = box.astype(np.float64)
    return np.concatenate([(box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 1.0)])
