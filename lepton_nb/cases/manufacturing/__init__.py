"""A car maker: its simulated world, its tables and its floor. It has no study and no page yet, so it is no case yet."""
