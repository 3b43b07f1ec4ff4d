-- What tests/stdio.rs asks Neovim to do, by `v:lua.T.…()`; everything returns a string.

local cwd = vim.fn.getcwd()
vim.opt.runtimepath:append(vim.env.PRENTICE_TEST_PLUGIN)
require('prentice').setup({ cmd = vim.split(vim.env.PRENTICE_TEST_SERVER, '\n') })

T = {}

-- Runs and returns JSON, or the error.
local function answer(work)
  local ok, result = xpcall(work, debug.traceback)
  return ok and vim.json.encode(result) or ('error: ' .. result)
end

local function request(method, extra)
  local params = vim.lsp.util.make_position_params(0, 'utf-16')
  for key, value in pairs(extra or {}) do
    params[key] = value
  end
  local answers = assert(vim.lsp.buf_request_sync(0, method, params, 10000))
  local _, first = next(answers)
  assert(first, 'no server answers')
  assert(not (first.err or first.error), vim.inspect(first.err or first.error))
  return first.result
end

local function relative(uri)
  return vim.uri_to_fname(uri):sub(#cwd + 2)
end

function T.open(path)
  vim.cmd('edit ' .. path)
  vim.bo.filetype = 'rust'
  return ''
end

function T.attached()
  for _, client in pairs(vim.lsp.buf_get_clients(0)) do
    return client.initialized and 'yes' or 'no'
  end
  return 'no'
end

function T.line()
  return vim.api.nvim_get_current_line() .. '|' .. vim.api.nvim_win_get_cursor(0)[2]
end

-- What is drawn behind the cursor.
function T.drawn()
  local namespace = vim.api.nvim_get_namespaces().prentice
  local texts = {}
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
    for _, chunk in ipairs(mark[4].virt_text or {}) do
      table.insert(texts, chunk[1])
    end
  end
  return table.concat(texts, '|')
end

function T.inline()
  return answer(function()
    local result = request('textDocument/inlineCompletion', { context = { triggerKind = 1 } })
    return vim.tbl_map(function(item) return { item.insertText, item.range.start.character } end, result.items)
  end)
end

function T.list()
  return answer(function()
    local result = request('textDocument/completion')
    return vim.tbl_map(function(item) return { item.label, item.detail } end, result.items)
  end)
end

function T.definition()
  return answer(function()
    local place = request('textDocument/definition')[1]
    return { relative(place.uri), place.range.start.line, place.range.start.character }
  end)
end

function T.references()
  return answer(function()
    return #request('textDocument/references', { context = { includeDeclaration = true } })
  end)
end

function T.symbols()
  return answer(function()
    return vim.tbl_map(function(symbol) return symbol.name end, request('textDocument/documentSymbol'))
  end)
end

function T.workspace_symbols()
  return answer(function()
    return vim.tbl_map(function(symbol) return symbol.name end, request('workspace/symbol', { query = 'load' }))
  end)
end

function T.hover()
  return answer(function() return request('textDocument/hover').contents.value end)
end
