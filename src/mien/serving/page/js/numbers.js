// Numbers as Python and numpy round them.

/** Round to the nearest integer, halves to the even one, as Python's round. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Round to a number of digits behind the point. */
export const rounded = (value, digits) => Number(value.toFixed(digits)) + 0;

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
