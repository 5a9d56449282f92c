"""A replenishment plan of any size as one linear program in blocks, for the benchmarks that solve it."""

import numpy as np
from scipy import sparse

from lepton_nb.solve.arrays import Arrays, array_program, block_names

LEAD = 2  # days from order to shelf


def draw(stores: int, items: int, days: int, seed: int = 3) -> dict:
    """Draw a chain whose capacity and budget are short on busy days."""
    rng = np.random.default_rng(seed)
    week = 1 + 0.4 * np.sin(2 * np.pi * np.arange(days) / 7)
    demand = rng.gamma(2.0, 4.0, (stores, items, 1)) * week * rng.lognormal(0, 0.3, (stores, items, days))
    cost = rng.uniform(0.5, 6, items)
    volume = rng.uniform(0.2, 3, items)
    need = np.einsum("sit,i->st", demand, volume)
    return dict(
        demand=demand,
        start=demand[:, :, :LEAD].sum(axis=2) * rng.uniform(0.3, 0.9, (stores, items)),
        cost=cost,
        volume=volume,
        price=cost * rng.uniform(1.2, 1.9, items),
        holding=0.02 * cost,
        capacity=1.1 * need.mean(axis=1),
        dock=1.15 * need.mean(axis=1),
        budget=[0.95 * np.einsum("sit,i->", demand[:, :, day : day + 7], cost) for day in range(0, days, 7)],
    )


def in_blocks(c: dict) -> Arrays:
    """Write the same model as one sparse matrix, its blocks made by Kronecker products."""
    S, N, T = shape = c["demand"].shape
    weeks, days = len(c["budget"]), np.arange(T)
    eye, each = sparse.eye_array, sparse.eye_array(S * N)
    arrived, kept = sparse.kron(each, eye(T, k=-LEAD)), sparse.kron(each, eye(T, k=-1) - eye(T))
    litres = sparse.kron(eye(S), sparse.kron(sparse.csr_array(c["volume"][None, :]), eye(T)))
    in_week = sparse.csr_array((np.ones(T), (days // 7, days)), (weeks, T))
    money = sparse.kron(sparse.csr_array(np.tile(c["cost"], S)[None, :]), in_week)
    matrix = sparse.block_array(
        [[arrived, kept, eye(S * N * T)], [None, litres, None], [litres, None, None], [money, None, None]]
    )
    need = c["demand"].copy()
    need[:, :, 0] -= c["start"]
    limits = np.concatenate([np.repeat(c["capacity"], T), np.repeat(c["dock"], T), c["budget"]])
    names = [block_names(kind, *shape) for kind in ("order", "stock", "lost")]
    row_names = [block_names("balance", *shape), block_names("capacity", S, T), block_names("dock", S, T)]
    return array_program(
        np.concatenate([np.tile(np.repeat(-c[what], T), S) for what in ("cost", "holding", "price")]),
        matrix,
        np.concatenate([need.ravel(), np.full(len(limits), -np.inf)]),
        np.concatenate([need.ravel(), limits]),
        up=np.concatenate([np.full(2 * need.size, np.inf), c["demand"].ravel()]),
        maximise=True,
        offset=np.einsum("i,sit->", c["price"], c["demand"]),
        names=sum(names, []),
        row_names=sum(row_names, []) + block_names("budget", weeks),
        name="replenishment",
    )
