'use strict';
// KafkaSSE behind the smallest HTTP server: node kafkasse.js BROKERS TOPIC PARTITIONS. Needs NODE_PATH and --expose-gc.
const http = require('http');
const kafkaSSE = require('kafka-sse');

const [brokers, topic, partitions] = process.argv.slice(2);
const quiet = () => {};
const logger = { info: quiet, debug: quiet, trace: quiet, warn: console.error, error: console.error, child: () => logger };

const options = {
    logger,
    allowedTopics: [topic],
    kafkaConfig: { 'metadata.broker.list': brokers, 'fetch.wait.max.ms': 250 },
    // The default one adds fields to the message; this leaves it as it was produced.
    deserializer: (m) => Object.assign(m, { message: JSON.parse(m.value.toString()) }),
};

// From offset 0 of an empty topic: what "latest" is would be found out after the greeting.
const assignments = () => Array.from({ length: Number(partitions) }, (_, partition) => ({ topic, partition, offset: 0 }));

const server = http.createServer((req, res) => kafkaSSE(req, res, assignments(), options));
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    console.log(JSON.stringify({ listen: '127.0.0.1:' + server.address().port }));
});
process.on('SIGUSR2', () => global.gc());
process.on('SIGTERM', () => process.exit(0));
