"""What every check is for, by its name: those on an image, on its GPU, and on the images at work together."""

from verify import checks
from verify.e2e import checks as together

PURPOSES = {name: one.purpose for name, one in (checks.CHECKS | checks.GPU_CHECKS | together.CHECKS).items()}
