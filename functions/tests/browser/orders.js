// What the pages are about: the service with settings of its own, and a mail server that does as it is told.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import readline from 'node:readline';

/** Takes mail for everybody but those in `refused`, who get the answer that is written there. */
export async function mailServer() {
  const refused = new Map();
  const server = net.createServer((socket) => {
    let inMessage = false;
    socket.on('error', () => {});
    socket.write('220 mail.example\r\n');
    readline.createInterface({ input: socket }).on('line', (line) => {
      if (inMessage) {
        if (line !== '.') return;
        inMessage = false;
        socket.write('250 2.0.0 Ok: queued as 42\r\n');
      } else if (line.startsWith('DATA')) {
        inMessage = true;
        socket.write('354 go on\r\n');
      } else if (line.startsWith('RCPT')) {
        socket.write((refused.get(line.match(/<(.*)>/)[1]) || '250 2.1.5 Ok') + '\r\n');
      } else {
        socket.write('250 Ok\r\n');
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { refused, url: `smtp://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** `orders dev` in a folder of its own. */
export async function start(program, settings) {
  const folder = mkdtempSync(join(tmpdir(), 'orders-'));
  const child = spawn(program, ['dev', '--port', '0', '--data', folder], { env: settings, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const url = await new Promise((resolve, reject) => {
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const [, found] = line.match(/^orders listens on (.*)$/) || [];
      if (found) resolve(found);
    });
    ended.then(() => reject(new Error('orders ended')));
  });
  return {
    url,
    async place(order) {
      const answer = await fetch(url + '/api/orders', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ currency: 'EUR', lines: [{ sku: 'TEA-1', name: 'Green tea, 500 g', quantity: 2, unitPrice: 1250 }], ...order }),
      });
      if (answer.status !== 201) throw new Error(await answer.text());
      return (await answer.json()).id;
    },
    async change(id, version, path, method, body) {
      const answer = await fetch(`${url}/api/orders/${id}${path}`, {
        method,
        headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json', 'if-match': `"${version}"` },
        body: JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(await answer.text());
    },
    async stop() {
      child.kill();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
