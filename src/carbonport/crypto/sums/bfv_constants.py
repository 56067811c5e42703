"""The one set of BFV parameters: what every context is compared with and every other bound is derived from.

Source: Fan and Vercauteren, "Somewhat Practical Fully Homomorphic Encryption" (2012), in the variant of Microsoft SEAL
under TenSEAL. Only additions are used. Degree 8192 with 163 bits of coefficient moduli lies far inside the 218 bits
that the Homomorphic Encryption Standard (2018, table 1) allows for 128-bit security with ternary secrets.

The tests recompute t and the parameter hashes.
"""

DEGREE = 8192
"""Degree of the polynomial ring, and number of slots of a plaintext."""

PLAIN_MODULUS = 0xFFFFFFFFFFFC001
"""t: the largest prime below 2^60 that is 1 modulo 2 * DEGREE, so that a plaintext has DEGREE slots modulo t."""

COEFFICIENT_MODULUS_BITS = (54, 54, 55)
"""Sizes of the coefficient moduli; the last one is SEAL's special prime, which no ciphertext has."""

KEY_PARAMETERS_ID = (0x54472368D5D0E472, 0x791738ADBFA4057E, 0x6F9F1744B67CE5B4, 0xD144553B50F2D337)
"""SEAL's hash over scheme, degree, all coefficient moduli and t: what a context from elsewhere must show."""

DATA_PARAMETERS_ID = (0xF4C226136331A011, 0xC515916FDE07E083, 0x4BFD7EA1B07192A9, 0x2B56ECC7851CF4C8)
"""The same without the special prime: what a ciphertext from elsewhere must show."""

LIMB_BITS = 43
"""A share travels in limbs of 43 bits, one a slot, which leaves 17 bits for additions before t is reached."""

LIMBS_PER_SCALAR = 6
"""255 bits of a scalar in limbs of 43."""

SLOTS_PER_METRIC = 2 * LIMBS_PER_SCALAR
"""f(j), then g(j), each from its lowest limb."""

MAX_METRICS = DEGREE // SLOTS_PER_METRIC
"""Metrics whose shares one ciphertext holds."""

MAX_ROSTER = (PLAIN_MODULUS - 1) >> LIMB_BITS
"""Most contributors of one sum: roster * 2^43 < t."""

MIN_CIPHERTEXT_BYTES = 200_000
"""Two random polynomials of 8192 coefficients modulo 108 bits, which no compression makes shorter."""

MAX_CIPHERTEXT_BYTES = 270_000
"""The same as 64-bit words (262,144 bytes) with headers, as if nothing were compressed."""

MAX_PUBLIC_CONTEXT_BYTES = 420_000
"""Parameters and a public key: two polynomials modulo 163 bits (393,216 bytes as 64-bit words), with headers."""

MIN_FRESH_NOISE_BUDGET_BITS = 34
"""A ciphertext as honest contributors encrypt it has 40 bits (in each of 2,000 tries); MAX_ROSTER additions take 17.
One with less than this was made to spoil the sum while its own share decrypts."""
