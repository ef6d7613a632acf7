"""Mutated inputs: does anything but an error of mien ever reach a user who passes a damaged or malicious file?"""
