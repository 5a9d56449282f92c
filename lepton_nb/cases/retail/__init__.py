"""A supermarket chain: what to order tonight, from raw sales to money."""
from .parameters import Parameters
