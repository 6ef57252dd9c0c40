-- Most sessions are short, and a list takes a hundred bytes before it holds anything. So the two records of a session that
-- goes idle after its first turn are kept as one text, a line each; the second turn makes a list of it. A text is never
-- there when the session had more than one turn.
local TWO_RECORDS = '^([%[{][^\n]*)\n([%[{][^\n]*)$'

-- Returns both records of a history that is a text; nil when it is none, or one that somebody else wrote.
local function short_records(history_key)
  local text = try('GET', history_key)
  if type(text) == 'string' then
    return match(text, TWO_RECORDS)
  end
end
