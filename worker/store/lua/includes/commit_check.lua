-- First half of a commit: check each item against Redis; nothing is written here.
-- What all items share must be sound before the first of them is written: a wrong type raises an error here.
local events_kept, events_limit = 0, tonumber(events_max)
local function check_indexes()
  call('SCARD', held_key)
  call('LLEN', ready_key)
  call('ZCARD', sessions_key)
  call('XLEN', bell_key)
  call('XLEN', dead_key)
  events_kept = call('XLEN', events_key)
  call('SCARD', bans_key)
  call('ZCARD', delayed_key)
end

local function has_type(command, key)
  return type(try(command, key)) == 'number'
end

-- Keys that a plain item does not read anyway are looked at only if it will write them.
local function has_wrong_type(shape, session)
  return shape.requests > 1 and not has_type('XLEN', session.outbox_key) -- the second reply may be the first one kept
    or shape.bans > 0 and not has_type('SCARD', banned_key_prefix .. session.sid)
    or shape.journaled and not has_type('HLEN', journal_key_prefix .. session.sid)
    or shape.from_control and not has_type('LLEN', mailbox_key_prefix .. session.sid)
end

-- Tell whether the requests of an item are the first ones of its list.
local function are_heads(item, heads)
  local at = item.at + item.shape.first_request
  for i = 1, item.shape.requests do
    if not is_record_of(heads[i], ARGV[at]) then
      return false
    end
    at = at + 3
  end
  return true
end

-- Returns the first entries of the item's list, or nil and the status that refuses the item.
local function read_heads(item, session)
  local shape = item.shape
  item.list_key = (shape.from_control and control_key_prefix or mailbox_key_prefix) .. session.sid
  -- Earlier items of this call pop theirs before this one is written.
  local popped = shape.from_control and session.control_popped or session.mailbox_popped
  local heads
  if popped == 0 and shape.requests == 1 then
    heads = try('LRANGE', item.list_key, '0', '1') -- the plain case: numbers would be printed for nothing
  else
    heads = try('LRANGE', item.list_key, popped, popped + shape.requests)
  end
  if heads.err or not shape.is_plain and has_wrong_type(shape, session) then
    return nil, 'wrong_type'
  elseif shape.is_plain and is_record_of(heads[1], ARGV[item.at + shape.first_request]) or are_heads(item, heads) then
    return heads
  end
  return nil, 'moved'
end

local function check_item(item)
  local at = item.at
  local session, failure = fenced_session(ARGV[at], ARGV[at + 1])
  if not session then
    return failure
  end
  local heads
  heads, failure = read_heads(item, session)
  if failure then
    session.broken = true -- later turns of the session build on this one
    return failure
  end
  local shape = item.shape
  item.session, item.heads, item.more = session, heads, heads[shape.requests + 1] ~= nil
  if shape.from_control then
    session.control_popped = session.control_popped + shape.requests
  else
    session.mailbox_popped = session.mailbox_popped + shape.requests
  end
  return 'ok'
end
