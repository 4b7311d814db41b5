-- With the argument "post": one small order, posted again and again. At the end the figures in one line:
-- answers, answers a second, p50 and p99 in ms, requests that failed.
function init(arguments)
  if arguments[1] ~= "post" then return end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = '{"customer":{"name":"Ada Lovelace","email":"ada@example.com"},"currency":"EUR","lines":['
    .. '{"sku":"TEA-1","name":"Assam, 250 g","quantity":2,"unitPrice":1250},'
    .. '{"sku":"POT-7","name":"Tea pot, blue","quantity":1,"unitPrice":4900}]}'
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format("figures %d %.0f %.2f %.2f %d", summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
