import { succeed } from './command.ts';

/**
 * An authority and what it has signed, in `folder`: `ca.crt`, `server.cert`, `server.key` for a server of these names
 * (`DNS:localhost,IP:127.0.0.1`), `client.cert` and `client.key`.
 */
export async function makeCertificates(folder: string, names: string): Promise<void> {
  const signed = (name: string, extra: string): string => `
    openssl req -newkey rsa:2048 -nodes -keyout ${name}.key -subj /CN=${name} -out ${name}.csr 2>/dev/null
    printf '${extra}' > ${name}.ext
    openssl x509 -req -in ${name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ${name}.ext -out ${name}.cert 2>/dev/null`;
  const script = `
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority 2>/dev/null
    ${signed('server', `subjectAltName=${names}`)}
    ${signed('client', 'extendedKeyUsage=clientAuth')}`;
  await succeed('sh', ['-ec', script], { cwd: folder });
}
