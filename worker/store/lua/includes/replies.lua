-- Terminal replies of requests that are never admitted. Whoever takes the request id first, with SET NX, answers it.
local function reply_json(fields, status, code, message)
  return table.concat({
    '{"v":1,"type":"reply","requestId":', cjson.encode(fields.requestId), ',"clientId":', cjson.encode(fields.clientId),
    ',"swarmName":', cjson.encode(fields.swarmName), ',"status":"', status, '","output":"","seq":null,"agentName":null',
    ',"turn":null,"attempts":0,"error":',
    code and '{"code":"' .. code .. '","message":' .. cjson.encode(message) .. '}' or 'null',
    ',"acceptedAtMs":', now_text, ',"finishedAtMs":', now_text, '}',
  })
end

-- A valid client id holds no backslash and no control character: only a quote needs care.
local function marker_json(fields)
  local client_id = fields.clientId
  if find(client_id, '"', 1, true) then
    client_id = string.gsub(client_id, '"', '\\"')
  end
  return '{"v":1,"requestId":"' .. fields.requestId .. '","clientId":"' .. client_id .. '","swarmName":"'
    .. fields.swarmName .. '","status":"accepted"}'
end

-- Publish where the sender listens; `reachable` is false when its names must not become part of a channel.
local function publish_reply(fields, reply, reachable)
  if reachable then
    call('PUBLISH', client_channel_prefix .. fields.swarmName .. ':' .. fields.clientId, reply)
  end
  if fields.replyTo then
    call('PUBLISH', fields.replyTo, reply)
  end
end
