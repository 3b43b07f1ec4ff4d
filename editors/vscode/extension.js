// Prentice in VS Code: starts `prentice lsp` and hands it to the language client, which knows inline completion.
//
// What is added: where a completion comes from stands in the status bar, since inline completions show only their text;
// and commands that accept a line or a word through the server, so that its local statistics know of it. (VS Code's own
// commands for parts of a completion tell nobody.)

'use strict';

const vscode = require('vscode');
const { LanguageClient } = require('vscode-languageclient/node');

let client;
let source;

async function activate(context) {
  source = vscode.window.createStatusBarItem(vscode.StatusBarAlignment.Right);
  source.name = 'Prentice: source of the completion';
  context.subscriptions.push(
    source,
    vscode.commands.registerCommand('prentice.restart', restart),
    vscode.commands.registerCommand('prentice.acceptLine', () => accept('line')),
    vscode.commands.registerCommand('prentice.acceptWord', () => accept('word')),
    vscode.workspace.onDidChangeConfiguration((event) => event.affectsConfiguration('prentice') && restart()),
    vscode.window.onDidChangeTextEditorSelection(() => source.hide()),
  );
  await start();
}

async function start() {
  const settings = vscode.workspace.getConfiguration('prentice');
  const [command, ...args] = settings.get('command');
  const languages = settings.get('languages');
  client = new LanguageClient('prentice', 'Prentice', { command, args }, {
    documentSelector: languages.flatMap((language) => [
      { scheme: 'file', language },
      { scheme: 'untitled', language },
    ]),
    middleware: { provideInlineCompletionItems: complete },
  });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const said = `Prentice: \`${command}\` does not start. Install it, or name it in the setting \`prentice.command\`.`;
    vscode.window.showErrorMessage(`${said} (${error.message ?? error})`);
  }
}

async function restart() {
  await deactivate();
  await start();
}

async function deactivate() {
  const stopping = client;
  client = undefined;
  await stopping?.stop();
}

// Shows where the first completion comes from: the server puts that into the title of its command.
async function complete(document, position, context, token, next) {
  const result = await next(document, position, context, token);
  const first = (Array.isArray(result) ? result : result?.items)?.[0];
  const title = first?.command?.title;
  if (title) {
    source.text = `$(quote) ${title}`;
    source.tooltip = 'Where the text of this completion stands word for word';
    source.show();
  } else {
    source.hide();
  }
  return result;
}

// Accepts a part of what is shown: the server's code action has the edit, and the command that tells it.
async function accept(part) {
  const kind = `prentice.accept.${part}`;
  await vscode.commands.executeCommand('editor.action.codeAction', { kind, apply: 'first' });
  await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger');
}

module.exports = { activate, deactivate };
