/** An address as dockerd shows it to everybody who may ask: whoever it logs in as stays hidden (`xxxxx:xxxxx`). */
export const maskedAddress = (address = ''): string =>
  address.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, '$1xxxxx:xxxxx@');
