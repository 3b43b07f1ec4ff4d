// Runs the extension against stand-ins for `vscode` and the language client: whether it starts the server that is
// configured, declares what it registers, shows the citation, and survives a server that is missing. Needs nothing but Node.

'use strict';

const assert = require('node:assert');
const Module = require('node:module');
const manifest = require('../package.json');

const seen = { commands: new Map(), executed: [], clients: [], errors: [] };
const defaults = Object.fromEntries(
  Object.entries(manifest.contributes.configuration.properties).map(([name, property]) => [name, property.default]),
);
const statusBarItem = { visible: false, show() { this.visible = true; }, hide() { this.visible = false; }, dispose() {} };
let configurationChanged;
let missing = false;

const vscode = {
  StatusBarAlignment: { Left: 1, Right: 2 },
  window: {
    createStatusBarItem: () => statusBarItem,
    onDidChangeTextEditorSelection: () => ({ dispose() {} }),
    showErrorMessage: (message) => seen.errors.push(message),
  },
  workspace: {
    getConfiguration: (section) => ({ get: (name) => defaults[`${section}.${name}`] }),
    onDidChangeConfiguration: (listener) => {
      configurationChanged = listener;
      return { dispose() {} };
    },
  },
  commands: {
    registerCommand: (name, action) => {
      seen.commands.set(name, action);
      return { dispose() {} };
    },
    executeCommand: async (name, argument) => seen.executed.push([name, argument]),
  },
};

class LanguageClient {
  constructor(id, name, server, options) {
    Object.assign(this, { id, name, server, options, running: false });
    seen.clients.push(this);
  }
  async start() {
    if (missing) throw new Error('spawn prentice ENOENT');
    this.running = true;
  }
  async stop() {
    this.running = false;
  }
}

const load = Module._load;
Module._load = function (request, ...rest) {
  if (request === 'vscode') return vscode;
  if (request === 'vscode-languageclient/node') return { LanguageClient };
  return load.call(this, request, ...rest);
};

async function main() {
  const extension = require('../extension.js');
  const context = { subscriptions: [] };
  await extension.activate(context);

  const [client] = seen.clients;
  assert.deepStrictEqual(client.server, { command: 'prentice', args: ['lsp'] });
  assert.ok(client.running);
  assert.ok(client.options.documentSelector.some(({ language, scheme }) => language === 'rust' && scheme === 'file'));
  assert.ok(context.subscriptions.every((subscription) => typeof subscription.dispose === 'function'));

  const declared = manifest.contributes.commands.map(({ command }) => command);
  assert.deepStrictEqual([...seen.commands.keys()].sort(), declared.sort());
  assert.ok(manifest.contributes.keybindings.every(({ command }) => declared.includes(command)));

  const complete = client.options.middleware.provideInlineCompletionItems;
  const item = { insertText: 'x', command: { title: 'src/a.rs:3 (MIT)' } };
  for (const result of [{ items: [item] }, [item]]) {
    assert.strictEqual(await complete('d', 'p', 'c', 't', async (...given) => (assert.strictEqual(given.join(), 'd,p,c,t'), result)), result);
    assert.ok(statusBarItem.visible && statusBarItem.text.includes('src/a.rs:3 (MIT)'));
    for (const nothing of [{ items: [] }, null, undefined, [{ insertText: 'x' }]]) {
      assert.strictEqual(await complete('d', 'p', 'c', 't', async () => nothing), nothing);
      assert.ok(!statusBarItem.visible);
    }
  }

  await seen.commands.get('prentice.acceptWord')();
  assert.deepStrictEqual(seen.executed[0], ['editor.action.codeAction', { kind: 'prentice.accept.word', apply: 'first' }]);

  defaults['prentice.command'] = ['/opt/prentice', 'lsp', '--quiet'];
  await configurationChanged({ affectsConfiguration: (section) => section === 'prentice' });
  await new Promise(setImmediate);
  assert.ok(!client.running && seen.clients[1].running);
  assert.deepStrictEqual(seen.clients[1].server, { command: '/opt/prentice', args: ['lsp', '--quiet'] });

  missing = true;
  await seen.commands.get('prentice.restart')();
  assert.match(seen.errors[0], /`\/opt\/prentice` does not start.*ENOENT/s);
  await extension.deactivate();
  await extension.deactivate();
  assert.ok(seen.clients.every((one) => !one.running));
}

main().then(
  () => console.log('ok'),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
