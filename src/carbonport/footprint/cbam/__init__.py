"""The CBAM rules. A rule builds nodes of a calculation graph and never calculates.

Equation numbers are those of Implementing Regulation (EU) 2025/2547 (methods), short `2547`. The transitional
scope (Implementing Regulation (EU) 2023/1773, periods that end by 2025) uses the same equations with its own
scope rules.
"""
