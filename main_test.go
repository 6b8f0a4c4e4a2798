package main

import (
	"testing"

	"msk-serverless/internal/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }
