-- Names and ids as the protocol allows them. A name that slips through here becomes part of keys and channels.
-- `^[...]+$` takes half the time of a search for what must not be there, which begins anew at each character.
local function is_name(text)
  return #text <= 64 and find(text, '^[%w_.%-]+$') == 1
end

local function is_request_id(text)
  return #text <= 128 and find(text, '^[%w_.:%-]+$') == 1
end

local function is_utf8(text)
  local i, n = 1, #text
  while i <= n do
    local tail = match(text, '^[%z\1-\127]()', i)
      or match(text, '^[\194-\223][\128-\191]()', i)
      or match(text, '^\224[\160-\191][\128-\191]()', i)
      or match(text, '^[\225-\236\238\239][\128-\191][\128-\191]()', i)
      or match(text, '^\237[\128-\159][\128-\191]()', i)
      or match(text, '^\240[\144-\191][\128-\191][\128-\191]()', i)
      or match(text, '^[\241-\243][\128-\191][\128-\191][\128-\191]()', i)
      or match(text, '^\244[\128-\143][\128-\191][\128-\191]()', i)
    if not tail then
      return false
    end
    i = tail
  end
  return true
end

local function is_client_id(text)
  if #text <= 128 and find(text, '^[%w_.:@%-]+$') then
    return true -- the plain case, by the shortest test
  end
  if #text < 1 or #text > 512 or find(text, '[%z\1-\32\127%*%?%[%]{}\\^]') then
    return false
  end
  if not find(text, '[\128-\255]') then
    return #text <= 128
  end
  local _, continuation_bytes = string.gsub(text, '[\128-\191]', '')
  if #text - continuation_bytes > 128 or not is_utf8(text) then
    return false
  end
  -- U+0080-00A0, U+1680, U+2000-200A, U+2028, U+2029, U+202F, U+205F, U+3000: controls and spaces beyond ASCII.
  return not (find(text, '\194[\128-\160]') or find(text, '\225\154\128') or find(text, '\226\128[\128-\138]')
    or find(text, '\226\128[\168\169\175]') or find(text, '\226\129\159') or find(text, '\227\128\128'))
end

-- CRC-32 of zlib, a nibble at a time: the table of 16 costs less to build on each call than one of 256.
local crc_nibbles

local function shard_of(client_id, shards)
  crc_nibbles = crc_nibbles or {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
  }
  local nibbles, crc = crc_nibbles, 0xffffffff
  for i = 1, #client_id do
    crc = bit.bxor(crc, string.byte(client_id, i))
    crc = bit.bxor(bit.rshift(crc, 4), nibbles[bit.band(crc, 15) + 1])
    crc = bit.bxor(bit.rshift(crc, 4), nibbles[bit.band(crc, 15) + 1])
  end
  crc = bit.bxor(crc, 0xffffffff)
  return (crc < 0 and crc + 4294967296 or crc) % shards
end
