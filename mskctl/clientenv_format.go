package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// format returns the settings as one of the formats of client-env.
func (c *clientSettings) format(format string) (string, error) {
	switch format {
	case "env":
		return c.env(), nil
	case "properties":
		return c.properties(), nil
	case "json":
		return encodeJSON(c, "  ")
	case "user-data":
		return c.userData()
	}
	return "", fmt.Errorf("--format %s: must be env, properties, json or user-data", format)
}

// plainValue matches what needs no quotes in an environment file.
var plainValue = regexp.MustCompile(`^[A-Za-z0-9_.,:/@%+=-]*$`)

// envEscapes are the characters that shells and systemd agree to unescape in double quotes.
var envEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")

// env returns an environment file with its variables in alphabetical order. A plain value has no quotes, because docker
// would make them part of it. Neither a topic prefix nor a group can contain a comma.
func (c *clientSettings) env() string {
	var b strings.Builder
	set := func(name, value string) {
		if !plainValue.MatchString(value) {
			value = `"` + envEscapes.Replace(value) + `"`
		}
		b.WriteString(name + "=" + value + "\n")
	}
	set("AWS_REGION", c.Region)
	if c.writes() {
		set("KAFKA_ACKS", c.Acks)
	}
	set("KAFKA_BOOTSTRAP_SERVERS", strings.Join(c.BootstrapServers, ","))
	if c.CAFile != "" {
		set("KAFKA_CA_FILE", c.CAFile)
	}
	if c.writes() {
		set("KAFKA_COMPRESSION_TYPE", c.CompressionType)
		set("KAFKA_ENABLE_IDEMPOTENCE", strconv.FormatBool(c.EnableIdempotence))
	}
	if len(c.Groups) > 0 {
		set("KAFKA_GROUP_IDS", strings.Join(c.Groups, ","))
	}
	if c.writes() {
		set("KAFKA_LINGER_MS", strconv.Itoa(c.LingerMS))
	}
	if len(c.ReadTopicPrefixes) > 0 {
		set("KAFKA_READ_TOPIC_PREFIXES", strings.Join(c.ReadTopicPrefixes, ","))
	}
	set("KAFKA_SASL_MECHANISM", c.SASLMechanism)
	set("KAFKA_SECURITY_PROTOCOL", c.SecurityProtocol)
	if len(c.TopicPrefixes) > 0 {
		set("KAFKA_TOPIC_PREFIXES", strings.Join(c.TopicPrefixes, ","))
	}
	if c.Launch.LogGroupName != "" { // which it may write heartbeats to
		set("MSK_CLUSTER_NAME", c.ClusterName)
		set("MSK_LOG_GROUP", c.Launch.LogGroupName)
	}
	return b.String()
}

// properties returns a file for java.util.Properties, which reads a backslash as an escape.
func (c *clientSettings) properties() string {
	lines := []string{
		"bootstrap.servers=" + strings.Join(c.BootstrapServers, ","),
		"security.protocol=" + c.SecurityProtocol,
		"sasl.mechanism=" + c.SASLMechanism,
		"sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required;",
		"sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler",
	}
	if c.CAFile != "" {
		lines = append(lines, "ssl.truststore.type=PEM", "ssl.truststore.location="+c.CAFile)
	}
	if c.writes() {
		lines = append(lines, "acks="+c.Acks, "enable.idempotence="+strconv.FormatBool(c.EnableIdempotence),
			"compression.type="+c.CompressionType, "linger.ms="+strconv.Itoa(c.LingerMS))
	}
	if len(c.TopicPrefixes) > 0 {
		lines = append(lines, "# Topics may begin with: "+strings.Join(c.TopicPrefixes, " "))
	}
	if len(c.ReadTopicPrefixes) > 0 {
		lines = append(lines, "# Topics to read may begin with: "+strings.Join(c.ReadTopicPrefixes, " "))
	}
	prefix := "group.id="
	if len(c.Groups) > 1 {
		lines = append(lines, "# Choose one group:")
		prefix = "#group.id="
	}
	for _, group := range c.Groups {
		lines = append(lines, prefix+strings.ReplaceAll(group, `\`, `\\`))
	}
	return strings.Join(lines, "\n") + "\n"
}

// userData returns a cloud-init document that writes the environment file and the properties. Strings of JSON are
// strings of YAML too.
func (c *clientSettings) userData() (string, error) {
	var b strings.Builder
	b.WriteString("#cloud-config\nwrite_files:\n")
	for _, file := range []struct{ path, content string }{
		{"/etc/msk/client.env", c.env()},
		{"/etc/msk/client.properties", c.properties()},
	} {
		content, err := encodeJSON(file.content, "")
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "  - path: %s\n    permissions: \"0644\"\n    content: %s", file.path, content)
	}
	return b.String(), nil
}

// encodeJSON returns v as JSON with a newline at its end, and with <, > and & as they are.
func encodeJSON(v any, indent string) (string, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(v)
	return b.String(), err
}
