-- Prentice in Neovim: starts `prentice lsp`, shows completions as grey text, accepts them as a whole, by line or by word.
--
-- Neovim 0.12 shows inline completions by itself (`vim.lsp.inline_completion`); for 0.7 to 0.11 a small part below does:
-- it asks after each change in Insert mode, without delay, and drops the question when the next one comes.

local M = {}

local options = {
  cmd = { 'prentice', 'lsp' },
  filetypes = { 'rust', 'python', 'javascript', 'javascriptreact', 'typescript', 'typescriptreact', 'go', 'java', 'c', 'cpp' },
  root_markers = { '.git', '.hg', '.jj' },
  -- Keys of Insert mode; false for none. Where nothing is shown they do what they did before.
  keys = { accept = '<Tab>', accept_line = '<M-l>', accept_word = '<M-w>', dismiss = '<M-e>' },
  -- Where the text comes from, behind it. Only where this file draws, not in Neovim 0.12.
  show_citation = true,
}

local namespace = vim.api.nvim_create_namespace('prentice')
local shown -- what is drawn: { buffer, tick, cursor, item, client }
local pending -- the question that is open: { client, id }
local clients = {} -- for Neovim 0.7, which has no `vim.lsp.start`: client ids by root

local function is_native()
  return vim.lsp.inline_completion ~= nil
end

local function root_of(buffer)
  local path = vim.api.nvim_buf_get_name(buffer)
  local directory = path ~= '' and vim.fn.fnamemodify(path, ':p:h') or vim.fn.getcwd()
  local at = directory
  while true do
    for _, marker in ipairs(options.root_markers) do
      if vim.fn.isdirectory(at .. '/' .. marker) == 1 or vim.fn.filereadable(at .. '/' .. marker) == 1 then
        return at
      end
    end
    local above = vim.fn.fnamemodify(at, ':h')
    if above == at then
      return directory
    end
    at = above
  end
end

-- Neovim 0.11 made the functions of a client methods, and 0.13 drops the other way.
local function call(client, name, ...)
  if vim.fn.has('nvim-0.11') == 1 then
    return client[name](client, ...)
  end
  return client[name](...)
end

local function client_of(buffer)
  local get = vim.lsp.get_clients or vim.lsp.get_active_clients
  for _, client in pairs(get()) do
    if client.name == 'prentice' and vim.lsp.buf_is_attached(buffer, client.id) then
      return client
    end
  end
end

local function clear()
  if shown and vim.api.nvim_buf_is_valid(shown.buffer) then
    vim.api.nvim_buf_clear_namespace(shown.buffer, namespace, 0, -1)
  end
  shown = nil
end

local function forget()
  clear()
  if pending and pending.id then
    call(pending.client, 'cancel_request', pending.id)
  end
  pending = nil
end

local function lines_of(text)
  return vim.split(text:gsub('\r\n?', '\n'), '\n', { plain = true })
end

-- The byte of a position's character in a line.
local function byte_in(line, character, encoding)
  if encoding == 'utf-8' then
    return math.min(character, #line)
  end
  if vim.fn.has('nvim-0.11') == 1 then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local ok, byte = pcall(vim.str_byteindex, line, character, encoding ~= 'utf-32')
  return ok and byte or #line
end

local function position_params(client)
  return vim.lsp.util.make_position_params(0, client.offset_encoding)
end

-- Draws an item behind the cursor; nothing if it does not continue what is written.
local function draw(client, buffer, item)
  clear()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local row, column = cursor[1] - 1, cursor[2]
  local line = vim.api.nvim_get_current_line()
  local start = byte_in(line, item.range.start.character, client.offset_encoding)
  local written = line:sub(start + 1, column)
  if item.range.start.line ~= row or item.insertText:sub(1, #written) ~= written then
    return
  end
  local text = lines_of(item.insertText:sub(#written + 1))
  local rest = line:sub(column + 1)
  local chunks = { { text[1], 'Comment' } }
  if options.show_citation and item.command and item.command.title ~= '' then
    table.insert(chunks, { '  ' .. item.command.title, 'NonText' })
  end
  local below = {}
  for index = 2, #text do
    table.insert(below, { { text[index], 'Comment' } })
  end
  vim.api.nvim_buf_set_extmark(buffer, namespace, row, column, {
    virt_text = chunks,
    -- In the middle of a line older versions can only draw at its end.
    virt_text_pos = rest == '' and 'overlay' or (vim.fn.has('nvim-0.10') == 1 and 'inline' or 'eol'),
    virt_lines = #below > 0 and below or nil,
    hl_mode = 'combine',
  })
  shown = {
    buffer = buffer,
    tick = vim.api.nvim_buf_get_changedtick(buffer),
    cursor = cursor,
    item = item,
    client = client,
  }
end

local function ask()
  forget()
  local buffer = vim.api.nvim_get_current_buf()
  local client = client_of(buffer)
  if not client or not client.server_capabilities.inlineCompletionProvider then
    return
  end
  local tick, cursor = vim.api.nvim_buf_get_changedtick(buffer), vim.api.nvim_win_get_cursor(0)
  local params = position_params(client)
  params.context = { triggerKind = 2 }
  local question = { client = client }
  pending = question
  local ok, id = call(client, 'request', 'textDocument/inlineCompletion', params, function(error, result)
    if pending ~= question then
      return
    end
    pending = nil
    local here = vim.api.nvim_get_current_buf() == buffer and vim.api.nvim_get_mode().mode:sub(1, 1) == 'i'
    local same = here
      and vim.api.nvim_buf_get_changedtick(buffer) == tick
      and vim.deep_equal(vim.api.nvim_win_get_cursor(0), cursor)
    local items = result and (result.items or result)
    -- An error means that there is a newer question; the server says all else by a message.
    if not error and same and items and items[1] then
      draw(client, buffer, items[1])
    end
  end, buffer)
  question.id = ok and id or nil
end

-- What is drawn, if it still belongs to the text.
local function current()
  local buffer = vim.api.nvim_get_current_buf()
  if shown and shown.buffer == buffer and shown.tick == vim.api.nvim_buf_get_changedtick(buffer) then
    return shown
  end
end

-- Applies an edit that contains the cursor, and puts the cursor behind it.
local function insert(buffer, client, edit)
  local row = edit.range.start.line
  local line = vim.api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ''
  local start = byte_in(line, edit.range.start.character, client.offset_encoding)
  local finish = byte_in(line, edit.range['end'].character, client.offset_encoding)
  local text = lines_of(edit.newText)
  vim.api.nvim_buf_set_text(buffer, row, start, row, finish, text)
  local column = #text == 1 and start + #text[1] or #text[#text]
  vim.api.nvim_win_set_cursor(0, { row + #text, column })
end

local function tell(client, command)
  if command then
    local params = { command = command.command, arguments = command.arguments }
    call(client, 'request', 'workspace/executeCommand', params, function() end)
  end
end

-- Accepts all that is shown; false if nothing is.
function M.accept()
  if is_native() then
    return vim.lsp.inline_completion.get()
  end
  local now = current()
  if not now then
    return false
  end
  clear()
  insert(now.buffer, now.client, { range = now.item.range, newText = now.item.insertText })
  tell(now.client, now.item.command)
  return true
end

-- Accepts a `line` or `word` of what is shown; false if nothing is. The server knows what it has shown.
function M.accept_part(part)
  local buffer = vim.api.nvim_get_current_buf()
  local client = client_of(buffer)
  if not client or not (is_native() or current()) then
    return false
  end
  local params = position_params(client)
  params.range = { start = params.position, ['end'] = params.position }
  params.position = nil
  params.context = { diagnostics = {}, only = { 'prentice.accept.' .. part } }
  local answer = call(client, 'request_sync', 'textDocument/codeAction', params, 500, buffer)
  local action = answer and answer.result and answer.result[1]
  if not action then
    return false
  end
  local changes = action.edit.documentChanges
  local edit = changes and changes[1].edits[1] or action.edit.changes[params.textDocument.uri][1]
  clear()
  insert(buffer, client, edit)
  tell(client, action.command)
  return true
end

-- Takes away what is shown; false if nothing is.
function M.dismiss()
  local had = shown ~= nil
  forget()
  return had
end

local function map(buffer, key, action, description)
  if not key then
    return
  end
  local keys = vim.api.nvim_replace_termcodes(key, true, false, true)
  vim.keymap.set('i', key, function()
    if not action() then
      -- Before what was typed meanwhile, and without being mapped again.
      vim.api.nvim_feedkeys(keys, 'ni', false)
    end
  end, { buffer = buffer, desc = 'Prentice: ' .. description })
end

local function attached(client, buffer)
  local keys = options.keys
  map(buffer, keys.accept, M.accept, 'accept')
  map(buffer, keys.accept_line, function() return M.accept_part('line') end, 'accept a line')
  map(buffer, keys.accept_word, function() return M.accept_part('word') end, 'accept a word')
  if is_native() then
    vim.lsp.inline_completion.enable(true, { bufnr = buffer })
    return
  end
  map(buffer, keys.dismiss, M.dismiss, 'dismiss')
  local group = vim.api.nvim_create_augroup('prentice' .. buffer, {})
  vim.api.nvim_create_autocmd({ 'TextChangedI', 'InsertEnter' }, {
    group = group,
    buffer = buffer,
    -- Neovim sends the change itself after these events.
    callback = function() vim.schedule(ask) end,
  })
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave' }, { group = group, buffer = buffer, callback = forget })
  vim.api.nvim_create_autocmd('CursorMovedI', {
    group = group,
    buffer = buffer,
    callback = function()
      if shown and not vim.deep_equal(vim.api.nvim_win_get_cursor(0), shown.cursor) then
        clear()
      end
    end,
  })
end

-- Starts the server for a buffer, or joins the one that its root has.
function M.start(buffer)
  local config = {
    name = 'prentice',
    cmd = options.cmd,
    root_dir = root_of(buffer),
    on_attach = attached,
    -- Completions must see what was just written.
    flags = { debounce_text_changes = 0 },
  }
  if vim.lsp.start then
    vim.api.nvim_buf_call(buffer, function() vim.lsp.start(config) end)
    return
  end
  config.workspace_folders = { { uri = vim.uri_from_fname(config.root_dir), name = config.root_dir } }
  config.on_exit = function() clients[config.root_dir] = nil end
  clients[config.root_dir] = clients[config.root_dir] or vim.lsp.start_client(config)
  if clients[config.root_dir] then
    vim.lsp.buf_attach_client(buffer, clients[config.root_dir])
  end
end

-- Starts Prentice for the file types in `given.filetypes`; see `options` above for what can be given.
function M.setup(given)
  options = vim.tbl_deep_extend('force', options, given or {})
  if given and given.cmd then
    options.cmd = given.cmd -- a list is replaced, not merged
  end
  if given and given.filetypes then
    options.filetypes = given.filetypes
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = vim.api.nvim_create_augroup('prentice', {}),
    pattern = options.filetypes,
    callback = function(event) M.start(event.buf) end,
  })
end

return M
