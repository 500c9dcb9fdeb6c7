package store_test

import (
	"testing"

	"claviger/internal/access"
	"claviger/internal/testkit"
	"claviger/store/storetest"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) access.Store { return testkit.Store(t) })
}
