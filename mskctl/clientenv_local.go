package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"msk-serverless/internal/project"
)

// localKafka is where `go run ./sandbox kafka` serves a cluster. It writes this to .sandbox/kafka.json.
type localKafka struct {
	ClusterARN       string `json:"clusterArn"`
	BootstrapBrokers string `json:"bootstrapBrokersSaslIam"`
	CAFile           string `json:"caFile"`
}

// useLocal replaces the brokers by those of the sandbox's Kafka, which must serve the stack's cluster.
func (c *clientSettings) useLocal(clusterARN string) error {
	root, err := project.FindRoot()
	if err != nil {
		return err
	}
	return c.useLocalFile(filepath.Join(root, ".sandbox", "kafka.json"), clusterARN)
}

func (c *clientSettings) useLocalFile(file, clusterARN string) error {
	doc, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("--local: the sandbox's Kafka isn't running: start it with go run ./sandbox kafka")
	}
	if err != nil {
		return fmt.Errorf("--local: %w", err)
	}
	var kafka localKafka
	if err := json.Unmarshal(doc, &kafka); err != nil {
		return fmt.Errorf("--local: %s: %w", file, err)
	}
	if kafka.ClusterARN != clusterARN {
		return fmt.Errorf("--local: the sandbox's Kafka serves %s, and the stack's cluster is %s: start it again",
			kafka.ClusterARN, clusterARN)
	}
	c.BootstrapServers, c.CAFile = []string{kafka.BootstrapBrokers}, kafka.CAFile
	return nil
}
