"""Training: losses, recipes, the loop, its checkpoints and what it tells on the way.

Needs the extra ``[train]``. ``settings`` says what can be chosen, ``recipes`` what was chosen
under which name, ``trainer`` is the loop.
"""
