"""How hollows are dimmed and where one sample is enough, whichever engine draws."""

# Light from all around is shut off where a point lies behind its surroundings: the depth minus
# the blurred depth, after Luft et al., "Image Enhancement by Unsharp Masking the Depth Buffer".
OCCLUSION_WIDTH = 0.10  # metres of surroundings
OCCLUSION_DEPTH = 0.22  # metres behind them at which it is darkest
OCCLUSION_LOSS = 0.50  # of the light, there
SMOOTH = 0.03  # metres of depth within a pixel that one sample of its light may stand for
