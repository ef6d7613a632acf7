"""Mutated inputs: does anything but an error of mien ever reach whoever gives mien a damaged or dishonest file?"""
