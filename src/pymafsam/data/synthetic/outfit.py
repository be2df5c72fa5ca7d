"""What synthetic people wear: which part of the body is which cloth, how thick, in what colours.

Everything is a function of a place on the average body at rest (metres, T-pose: arms along x,
y up, facing +z), so that hems, sleeves and hairlines are sharp at any resolution. The numbers suit
``anny24``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

Generator = np.random.Generator
Places = Float32[np.ndarray, "places 3"]
Colour = Float[np.ndarray, "3"]

SKIN, SHIRT, TROUSERS, SHOES, HAIR, HAT, INNER, BELT, SOCKS, BEARD, GLOVES = range(11)
CLOTHS = 11
WAVES = 7
BAREFOOT = -1.0  # metres; below the soles

# Linear light; from pale to dark.
SKINS = np.array(
    [
        [0.72, 0.48, 0.38],
        [0.62, 0.38, 0.27],
        [0.50, 0.29, 0.19],
        [0.37, 0.20, 0.12],
        [0.21, 0.11, 0.07],
        [0.10, 0.055, 0.035],
    ]
)
HAIRS = np.array(
    [
        [0.010, 0.008, 0.007],
        [0.03, 0.018, 0.012],
        [0.07, 0.035, 0.018],
        [0.16, 0.085, 0.035],
        [0.42, 0.27, 0.11],
        [0.22, 0.06, 0.02],
        [0.35, 0.34, 0.33],
        [0.62, 0.61, 0.6],
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waves:
    """Smooth noise over the body: a few sines of random directions."""

    directions: Float32[np.ndarray, "waves 3"]  # radians per metre
    phases: Float32[np.ndarray, "waves"]

    @staticmethod
    def of(generator: Generator, wavelength: float) -> "Waves":
        """Waves about ``wavelength`` metres long."""
        length = 2 * np.pi / wavelength * generator.uniform(0.5, 1.6, WAVES)
        toward = generator.normal(size=(WAVES, 3))
        toward *= (length / np.linalg.norm(toward, axis=1))[:, None]
        phases = generator.uniform(0, 2 * np.pi, WAVES)
        return Waves(directions=toward.astype(np.float32), phases=phases.astype(np.float32))

    def __call__(self, places: Places) -> Float32[np.ndarray, "places"]:
        """About normal with deviation 1."""
        waves = np.sin(places @ self.directions.T + self.phases)
        return waves @ np.full(WAVES, (2 / WAVES) ** 0.5, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """Hems (metres on the body at rest), thickness and colours of one person's clothes."""

    sleeve: float  # |x| where sleeves end
    collar: float  # y of the neckline
    vee: float  # how far the neckline dips in front
    hem: float  # y where the shirt ends
    leg: float  # y where trousers end
    shoe: float  # y of the shoes' top
    sock: float
    skirt: float | None  # y where a skirt ends; None: none
    flare: float  # of the skirt, metres per metre
    open_front: float  # half width of an open jacket's gap
    belt: bool
    hair: float  # metres of volume; 0: shaven
    long_hair: float | None  # y where long hair ends
    hat: bool
    beard: bool
    glasses: bool
    gloves: bool
    thickness: Float[np.ndarray, "cloths"]
    colours: Float[np.ndarray, "cloths 3"]
    second: Float[np.ndarray, "cloths 3"]  # the pattern's other colour
    pattern: Int[np.ndarray, "cloths"]  # 0 plain, 1 stripes across, 2 along, 3 checks, 4 print
    period: float
    eyes: Colour
    lips: Colour
    volume: Waves
    folds: Waves
    edge: Waves

    def wobble(self, places: Places) -> Float[np.ndarray, "places"]:
        """How far hems are from straight, metres."""
        return 0.006 * self.edge(places)

    def cloth(
        self, places: Places, wobble: Float[np.ndarray, "places"]
    ) -> Int[np.ndarray, "places"]:
        """What covers each place; ``wobble`` moves hems up and down, metres."""
        x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
        kind = np.full(len(places), SKIN)
        arm = (x > 0.17) & (y > 0.3)
        head = (x < 0.11) & (y > self.collar - self.vee * np.clip(z * 12, 0, 1))
        body = ~arm & ~head
        kind[body & (y < self.hem + wobble)] = TROUSERS
        kind[body & (y >= self.hem + wobble)] = SHIRT
        kind[arm & (x < self.sleeve)] = SHIRT
        legs = y < -0.11
        bare = legs & (y < self.leg + 0.3 * wobble)
        kind[bare] = SKIN
        if self.skirt is not None:
            under = (y < 0.0) & (y > self.skirt)
            kind[under & body] = TROUSERS
        kind[y < self.sock] = np.where(kind[y < self.sock] == TROUSERS, TROUSERS, SOCKS)
        kind[y < self.shoe] = SHOES
        if self.open_front:
            gap = (x < self.open_front * (1.3 - y)) & (z > 0.03) & (y > self.hem) & ~arm & ~head
            kind[gap & (y < 0.5)] = INNER
        if self.belt:
            kind[body & (np.abs(y - self.hem) < 0.016)] = BELT
        if self.gloves:
            kind[arm & (x > 0.62)] = GLOVES
        self._head(kind, places, wobble)
        return kind

    def _head(
        self,
        kind: Int[np.ndarray, "places"],
        places: Places,
        wobble: Float[np.ndarray, "places"],
    ) -> None:
        x, y, z = np.abs(places[:, 0]), places[:, 1], places[:, 2]
        skull = (x < 0.12) & (y > 0.52)
        # The hairline: the nape behind, above the ears, the forehead in front.
        line = np.interp(z, HAIRLINE_Z, HAIRLINE_Y)
        if self.beard:
            lower = skull & (z > 0.045) & (y < 0.605 - 0.25 * np.maximum(0.07 - x, 0) * (x < 0.03))
            mouth = (np.abs(y - 0.578) < 0.008) & (x < 0.026)
            kind[lower & ~mouth & (y > 0.535)] = BEARD
        if self.hair > 0:
            kind[skull & (y > line + wobble)] = HAIR
        if self.hat:
            kind[skull & (y > 0.685 - 0.2 * np.maximum(0.0, -z))] = HAT

    def lift(self, places: Places, cloth: Int[np.ndarray, "places"]) -> Float[np.ndarray, "places"]:
        """How far each place's surface lies outside the naked skin, metres."""
        base = self.thickness[cloth]
        bulge = 0.65 + 0.35 * self.volume(places)
        crease = 0.25 * self.folds(places)
        loose = np.where(cloth == TROUSERS, 0.6 + np.clip(-places[:, 1], 0, 0.8), 1.0)
        return np.maximum(base * (np.clip(bulge, 0.15, 2.0) * loose + crease), 0.0)


HAIRLINE_Z = np.array([-0.06, -0.01, 0.04, 0.085, 0.11, 0.125])
HAIRLINE_Y = np.array([0.555, 0.585, 0.655, 0.69, 0.705, 0.712])


# |x| where sleeves end, y where trousers do: none, short, to the elbow or shin, long.
SLEEVES = ((0.17, 0.2), (0.25, 0.36), (0.40, 0.58), (0.6, 0.63))
SLEEVE_SHARES = (0.13, 0.37, 0.12, 0.38)
TROUSER_LEGS = ((-0.36, -0.14), (-0.46, -0.33), (-0.68, -0.5), (-0.83, -0.76))
LEG_SHARES = (0.12, 0.2, 0.08, 0.6)
PATTERNS = (0.6, 0.09, 0.06, 0.07, 0.18)
UNPATTERNED = [SKIN, HAIR, BEARD, SOCKS, SHOES, BELT]


def draw(generator: Generator, *, child: bool) -> Outfit:
    """An outfit. All of it comes from the generator."""
    g = generator
    feminine = g.random() < 0.5
    low, high = SLEEVES[g.choice(4, p=SLEEVE_SHARES)]
    leg_low, leg_high = TROUSER_LEGS[g.choice(4, p=LEG_SHARES)]
    skirt = g.uniform(-0.72, -0.22) if feminine and g.random() < 0.3 else None
    jacket = high > 0.6 and g.random() < 0.45
    colours, second = _colours(g, one_piece=0.15 if skirt is None else 0.5)
    thickness = _thickness(g, jacket=jacket)
    if g.random() < 0.04:  # nothing above the waist
        colours[SHIRT], thickness[SHIRT] = colours[SKIN], 0.0
    pattern = g.choice(5, CLOTHS, p=PATTERNS)
    pattern[UNPATTERNED] = 0
    low_shoe, boot = g.uniform(-0.83, -0.79), g.uniform(-0.76, -0.5)
    long_hair = g.random() < (0.55 if feminine else 0.06) and thickness[HAIR] > 0
    return Outfit(
        sleeve=g.uniform(low, high),
        collar=g.uniform(0.47, 0.535),
        vee=g.uniform(0, 0.12) if g.random() < 0.4 else 0.0,
        hem=g.uniform(-0.2, 0.0) if jacket else g.uniform(-0.12, 0.05),
        leg=g.uniform(leg_low, leg_high) if skirt is None else g.choice([-0.82, -0.13]),
        shoe=float(g.choice([low_shoe, boot, BAREFOOT], p=[0.83, 0.11, 0.06])),
        sock=g.uniform(-0.8, -0.6) if g.random() < 0.5 else BAREFOOT,
        skirt=skirt,
        flare=g.uniform(0.0, 0.35),
        open_front=g.uniform(0.02, 0.09) if jacket and g.random() < 0.5 else 0.0,
        belt=g.random() < 0.12,
        hair=float(thickness[HAIR]),
        long_hair=g.uniform(0.28, 0.52) if long_hair else None,
        hat=g.random() < 0.16,
        beard=not feminine and not child and g.random() < 0.3,
        glasses=g.random() < 0.09,
        gloves=g.random() < 0.03,
        thickness=thickness,
        colours=colours,
        second=second,
        pattern=pattern,
        period=g.uniform(0.02, 0.12),
        eyes=g.choice([0.01, 0.03, 0.12]) * np.array([1.0, 0.9, 0.9]),
        lips=np.clip(colours[SKIN] * [1.0, 0.62, 0.62] * g.uniform(0.75, 1.1), 0, 1),
        volume=Waves.of(g, 0.25),
        folds=Waves.of(g, 0.09),
        edge=Waves.of(g, 0.08),
    )


def _colours(
    g: Generator, *, one_piece: float
) -> tuple[Float[np.ndarray, "cloths 3"], Float[np.ndarray, "cloths 3"]]:
    """Of every cloth both colours; with the chance ``one_piece`` it is a dress or an overall."""
    colours, second = _palette(g), _palette(g)
    colours[SKIN] = _between(SKINS, g) * g.uniform(0.85, 1.15)
    colours[HAIR] = _between(HAIRS, g) * g.uniform(0.7, 1.3)
    colours[BEARD] = colours[HAIR] * 0.5 + colours[SKIN] * 0.35
    if g.random() < one_piece:
        colours[TROUSERS], second[TROUSERS] = colours[SHIRT], second[SHIRT]
    return np.clip(colours, 0.004, 0.95), np.clip(second, 0.004, 0.95)


def _thickness(g: Generator, *, jacket: bool) -> Float[np.ndarray, "cloths"]:
    """Metres between skin and surface; thin clothes are far commoner than thick ones."""
    out = np.zeros(CLOTHS)
    out[SHIRT] = g.uniform(0.012, 0.04) if jacket else 0.003 + g.gamma(2.0, 0.004)
    out[INNER], out[BELT] = 0.4 * out[SHIRT], out[SHIRT] + 0.002
    out[TROUSERS] = 0.004 + g.gamma(2.0, 0.0055)
    out[SHOES], out[SOCKS], out[GLOVES] = g.uniform(0.005, 0.013), 0.003, 0.003
    out[HAIR] = 0.0 if g.random() < 0.06 else np.clip(g.gamma(2.0, 0.011), 0.005, 0.055)
    out[HAT], out[BEARD] = g.uniform(0.012, 0.03), g.uniform(0.002, 0.012)
    return out


def _between(rows: Float[np.ndarray, "rows 3"], g: Generator) -> Colour:
    """Somewhere between two neighbours of a scale."""
    at = g.uniform(0, len(rows) - 1)
    low = min(int(at), len(rows) - 2)
    return rows[low] + (at - low) * (rows[low + 1] - rows[low])


def _palette(g: Generator) -> Float[np.ndarray, "cloths 3"]:
    """Colours as clothes have them: many greys, blacks, whites, blues; some loud."""
    grey = np.repeat(g.beta(0.7, 1.2, (CLOTHS, 1)), 3, axis=1)
    loud = g.beta(0.8, 1.2, (CLOTHS, 3))
    share = g.choice([0.05, 0.3, 0.8], (CLOTHS, 1), p=[0.42, 0.28, 0.3])
    out = (grey + share * (loud - grey)) ** 1.6
    out[TROUSERS] *= [0.6, 0.7, 1.0] if g.random() < 0.35 else [1, 1, 1]
    out[SHOES] *= g.choice([0.2, 1.0])
    return out
