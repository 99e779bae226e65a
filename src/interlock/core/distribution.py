"""Chances and quantiles: binomial, beta, Student, normal and chi-square.

Everything here is the standard library's `math`; importing a statistics package takes longer than a whole gate does.
"""

import math
from functools import lru_cache

_ITERATIONS = 20_000
_TINY = 1e-300


def binomial_at_least(k: int, n: int, p: float) -> float:
    """P(X >= k) of a binomial count X of n with chance p, to about 1e-10 of itself for n up to 100 000.

    >>> round(binomial_at_least(8, 10, 0.5), 4)
    0.0547
    """
    check_fraction(p)
    return 1.0 if k <= 0 else 0.0 if k > n else beta_cdf(k, n - k + 1, p)


def binomial_at_most(k: int, n: int, p: float) -> float:
    """P(X <= k), computed as a tail of its own and not as one minus the other."""
    return binomial_at_least(n - k, n, 1 - p)


def beta_cdf(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a > 0, b > 0.

    Source: continued fraction DLMF 8.17.22, evaluated as Lentz (1976), Applied Optics 15(3), 668-671.

    >>> round(beta_cdf(2, 3, 0.5), 4)
    0.6875
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # beyond the mean only the other tail's fraction converges fast
        return 1 - _beta_tail(b, a, 1 - x)
    return _beta_tail(a, b, x)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, for p in (0, 1): Newton on a double-logarithmic scale, kept inside a bracket."""
    if not 0 < p < 1:
        raise ValueError(f"a quantile needs a chance in (0, 1), not `{p}`")
    if p > 0.5:
        return 1 - beta_quantile(1 - p, b, a)
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(_ITERATIONS):
        reached = beta_cdf(a, b, x)
        low, high = (x, high) if reached < p else (low, x)
        # d log I / d log x is x f(x) / I: nearly constant in the lower tail, so a few steps are enough.
        slope = math.exp(_log_kernel(a, b, x)) / (1 - x) / reached if reached > 0 else 0.0
        step = (math.log(p) - math.log(reached)) / slope if slope > 0 else math.inf
        closer = x * math.exp(step) if step < 1 else math.inf
        if not low < closer < high:
            closer = (low + high) / 2
        if abs(closer - x) <= 1e-15 * x or not low < closer < high:
            return closer
        x = closer
    raise ArithmeticError(f"no quantile found for Beta({a}, {b}) at {p}")  # a bracket of doubles halves to nothing


def student_tail(t: float, dof: float) -> float:
    """P(T >= t) of Student's t with `dof` degrees of freedom, dof > 0."""
    tail = 0.5 * beta_cdf(dof / 2, 0.5, dof / (dof + t * t))
    return tail if t >= 0 else 1 - tail


def student_quantile(alpha: float, dof: float) -> float:
    """The t with P(T >= t) = alpha, for alpha in (0, 0.5).

    >>> round(student_quantile(0.025, 9), 4)
    2.2622
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"an upper tail has a chance in (0, 0.5), not `{alpha}`")
    x = beta_quantile(2 * alpha, dof / 2, 0.5)
    return math.sqrt(dof * (1 - x) / x)


@lru_cache(maxsize=64)
def normal_quantile(alpha: float) -> float:
    """The z with P(Z >= z) = alpha, for alpha in (0, 0.5).

    >>> round(normal_quantile(0.05), 6)
    1.644854
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"an upper tail has a chance in (0, 0.5), not `{alpha}`")
    z = 0.0
    for _ in range(100):  # the logarithm of the tail is concave, so Newton from 0 cannot leave or turn
        tail = 0.5 * math.erfc(z / math.sqrt(2))
        step = (math.log(tail) - math.log(alpha)) * tail * math.sqrt(2 * math.pi) * math.exp(z * z / 2)
        z += step
        if abs(step) <= 1e-15 * z:
            break
    return z


def chi_square_tail(x: float, dof: int) -> float:
    """P(X >= x) of a chi-square variable with `dof` degrees of freedom, dof >= 1.

    Source: the incomplete gamma function, series DLMF 8.11.4 and continued fraction DLMF 8.9.2 by Lentz (1976).

    >>> round(chi_square_tail(3.841, 1), 3)
    0.05
    """
    if dof < 1 or not x >= 0:
        raise ValueError(f"`{x}` with `{dof}` degrees of freedom is no chi-square")
    a, half = dof / 2, x / 2
    if half == 0 or math.isinf(half):
        return 0.0 if half else 1.0
    front = math.exp(a * math.log(half) - half - math.lgamma(a))
    if half < a + 1:
        term = total = 1 / a
        for n in range(1, _ITERATIONS):
            term *= half / (a + n)
            total += term
            if term < 1e-16 * total:
                return max(0.0, 1 - front * total)
    b = half + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for n in range(1, _ITERATIONS):
        step = -n * (n - a)
        b += 2
        d = 1 / (step * d + b or _TINY)
        c = b + step / c or _TINY
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(1.0, front * fraction)


def check_fraction(value: float) -> None:
    """Refuse what is not in [0, 1], NaN included. Raises: ValueError."""
    if not 0 <= value <= 1:
        raise ValueError(f"`{value}` is not a rate in [0, 1]")


def _log_kernel(a: float, b: float, x: float) -> float:
    """log of x^a (1-x)^b / B(a, b), by deviances: differences of large log-gammas lose digits as n grows.

    Source: Loader (2000), "Fast and Accurate Computation of Binomial Probabilities".
    """
    n = a + b
    deviance = a * math.log(a / (n * x)) + b * math.log(b / (n * (1 - x)))
    stirling = _stirling_error(n) - _stirling_error(a) - _stirling_error(b)
    return stirling - deviance + 0.5 * math.log(a * b / (2 * math.pi * n))


def _stirling_error(x: float) -> float:
    """log Γ(x+1) less Stirling's formula for it (DLMF 5.11.1)."""
    if x < 16:
        return math.lgamma(x + 1) - (x + 0.5) * math.log(x) + x - 0.5 * math.log(2 * math.pi)
    s = 1 / (x * x)
    return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / x


def _beta_tail(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or _TINY)
    fraction = d
    for m in range(1, _ITERATIONS):
        change = 1.0
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + term * d or _TINY)
            c = 1 + term / c or _TINY
            change = c * d
            fraction *= change
        if abs(change - 1) < 1e-15:
            return min(1.0, math.exp(_log_kernel(a, b, x)) / a * fraction)
    raise ArithmeticError(f"the incomplete beta function does not converge for {a}, {b} at {x}")
