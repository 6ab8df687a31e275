// Exports one span over each transport and encoding, a log record and a metric, then prints what
// tests look for in the store. Called with the URL of the HTTP door and host:port of the gRPC door.
'use strict'

const { SpanKind, SpanStatusCode, ROOT_CONTEXT, trace } = require('@opentelemetry/api')
const { SeverityNumber } = require('@opentelemetry/api-logs')
const { resourceFromAttributes } = require('@opentelemetry/resources')
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base')
const { LoggerProvider, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs')
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics')

const [, , http, grpc] = process.argv
const exporter = (name) => require(`@opentelemetry/exporter-${name}`)
const resource = resourceFromAttributes({ 'service.name': 'node-sdk' })
const compression = 'gzip'

async function exportSpan (name, spanExporter) {
  const provider = new BasicTracerProvider({
    resource, spanProcessors: [new SimpleSpanProcessor(spanExporter)]
  })
  const tracer = provider.getTracer('client', '1.2')
  const parent = tracer.startSpan(`${name} parent`)
  const attributes = { text: 'grün 漢字', count: 7, ratio: 0.5, flag: true, list: ['a', 'b'] }
  const span = tracer.startSpan(
    name, { kind: SpanKind.CLIENT, attributes }, trace.setSpan(ROOT_CONTEXT, parent))
  span.addEvent('retried', { attempt: 2 })
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'no answer' })
  span.end()
  await provider.shutdown()
  return { ...span.spanContext(), parent: parent.spanContext().spanId }
}

async function main () {
  const { OTLPTraceExporter: Proto } = exporter('trace-otlp-proto')
  const { OTLPTraceExporter: Json } = exporter('trace-otlp-http')
  const { OTLPTraceExporter: Grpc } = exporter('trace-otlp-grpc')
  const sent = {
    proto: await exportSpan('proto', new Proto({ url: `${http}/v1/traces`, compression })),
    json: await exportSpan('json', new Json({ url: `${http}/v1/traces` })),
    grpc: await exportSpan('grpc', new Grpc({ url: `http://${grpc}`, compression }))
  }

  const { OTLPLogExporter } = exporter('logs-otlp-proto')
  const logs = new LoggerProvider({
    resource,
    processors: [
      new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${http}/v1/logs` }) })
    ]
  })
  logs.getLogger('client').emit({
    body: 'it failed', severityNumber: SeverityNumber.ERROR, attributes: { step: 3 }
  })
  await logs.shutdown()

  const { OTLPMetricExporter } = exporter('metrics-otlp-proto')
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${http}/v1/metrics` }), exportIntervalMillis: 1e9
  })
  const metrics = new MeterProvider({ resource, readers: [reader] })
  metrics.getMeter('client').createCounter('orders').add(3, { site: 'west' })
  await metrics.shutdown()

  console.log(JSON.stringify(sent))
}

main()
