// What can go wrong in private mode, by a code that the page has words for.

export class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.name = "Failure";
    this.code = code;
  }
}

/** Return the bytes, text or JSON (`kind`) at an address of this server; Failure with `code` where there is none. */
export async function fetched(address, kind, code) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) throw new Failure(code, `${address} cannot be had`);
  return response[kind]();
}
