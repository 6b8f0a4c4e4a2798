package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"msk-serverless/internal/config"
	"msk-serverless/internal/config/configtest"
	"msk-serverless/internal/project"
)

// The pipeline's setting is in the stack's file, so the program must accept it.
func TestConfigAcceptsThePipelinesSetting(t *testing.T) {
	t.Parallel()
	_, err := config.Parse(project.Name, configtest.With(map[string]string{config.UnreviewedKey: "development only"}))
	assert.NoError(t, err)
}
