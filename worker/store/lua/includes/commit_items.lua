-- The items of a commit, read where they lie in ARGV: a table or a list per item would cost more than its commands.
-- An item is sid, fence, shape, turn, [document], [dead reason, error, attempts], then as many values as its shape says:
-- requests (id, reply, reply_to), records, out, events, bans (policy name, 1 = ban or 0 = unban).
-- The shape is one string of numbers, the same for most items: it is read once per call.
local shapes = {} -- text -> shape
local position = FIRST_ITEM

-- See `commit_item` in worker/store/commits.py.
local function read_shape(text)
  local parts = {}
  for number in string.gmatch(text, '%-?%d+') do
    parts[#parts + 1] = tonumber(number)
  end
  local from_control, releases, opens, dispose, journaled, has_document, is_dead, ttl_ms, cap, first_event, requests, records,
    out, events, bans = unpack(parts)
  local document = 4
  local dead = document + has_document
  local first_request = dead + 3 * is_dead
  local first_record = first_request + 3 * requests
  local first_out = first_record + records
  local first_of_events = first_out + out
  local first_ban = first_of_events + events
  local keeps = cap > 0 and math.min(cap, history_max) or history_max
  return {
    -- After such a turn, and after none before, the history is a text: see short_history.lua.
    is_short = opens == 1 and releases == 1 and dispose == 0 and records == 2 and keeps > 1,
    -- What a turn of one message is: for it, checks that only others need are left out.
    is_plain = from_control == 0 and requests == 1 and bans == 0 and journaled == 0,
    from_control = from_control > 0, wakes = from_control == 2, releases = releases == 1, opens = opens == 1, dispose = dispose == 1,
    journaled = journaled == 1, due = integer(now_ms + ttl_ms), life_ms = integer(ttl_ms + grace_ms),
    expires = integer(now_ms + ttl_ms + grace_ms), must_live_until_ms = now_ms + ttl_ms + grace_ms / 2,
    history_max = keeps, first_kept = integer(-keeps),
    requests = requests, records = records, out = out, events = events, bans = bans, skip_events = first_event,
    document = has_document == 1 and document, dead = is_dead == 1 and dead, first_request = first_request,
    first_record = first_record, first_out = first_out, first_event = first_of_events, first_ban = first_ban,
    size = first_ban + 2 * bans,
  }
end

local function take_item(number)
  local text = ARGV[position + 2]
  local shape = shapes[text]
  if not shape then
    shape = read_shape(text)
    shapes[text] = shape
  end
  -- All fields at once, or the table would grow twice.
  local item = {
    number = number, shape = shape, at = position, session = false, list_key = false, heads = false, more = false,
  }
  position = position + shape.size
  return item
end
