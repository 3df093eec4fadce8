local stream, flags = Field.new("tcp.stream"), Field.new("tcp.flags")
local seq, ack = Field.new("tcp.seq"), Field.new("tcp.ack")
local handshake = Proto("lua_handshake", "Handshake in Lua")
local states = {}
function handshake.init() states = {} end
function handshake.dissector(tvb, pinfo, tree)
    local number = stream()
    if not number then return end
    local bits, key = flags().value, number.value
    local syn, acks = bit.band(bits, 2) ~= 0, bit.band(bits, 16) ~= 0
    if syn and not acks then states[key] = "syn"
    elseif syn then states[key] = "synack"
    elseif acks and states[key] == "synack" and seq().value == 1 and ack().value == 1 then
        states[key] = "complete"
    end
end
register_postdissector(handshake)
