package kafka

import (
	_ "embed" // the pom files travel inside the package, so that a test needs no path to them
	"fmt"
)

//go:embed pom-3.9.xml
var pom39 []byte

//go:embed pom-4.xml
var pom4 []byte

// release is one line of Kafka that the tests can start.
type release struct {
	version string // full version, the name of the folder in the cache
	pom     []byte
	// logConfig renders the logging configuration: Kafka 4 has log4j 2, Kafka 3.9 has reload4j (log4j 1).
	logConfig func(level string) string
	logFile   string
	logFlag   string // JVM flag that names the file; %s is its absolute path
}

var releases = map[string]release{
	"3.9": {version: "3.9.2", pom: pom39, logConfig: log4j1, logFile: "log4j1.properties", logFlag: "-Dlog4j.configuration=file:%s"},
	"4":   {version: "4.4.0", pom: pom4, logConfig: log4j2, logFile: "log4j2.properties", logFlag: "-Dlog4j2.configurationFile=%s"},
}

func log4j1(level string) string {
	return fmt.Sprintf(`log4j.rootLogger=%s, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%%d %%p %%c: %%m%%n
`, level)
}

func log4j2(level string) string {
	return fmt.Sprintf(`appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%%d %%p %%c: %%m%%n
rootLogger.level=%s
rootLogger.appenderRef.stdout.ref=STDOUT
`, level)
}
