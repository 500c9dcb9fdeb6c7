package journey

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"claviger/internal/testkit"
)

// several starts two servers on one database, of which one has read a key that the other one has not, and notes a third
// one there that is silent. Ada, an owner, has signed in at the first one.
func several(t *testing.T) *console {
	t.Helper()
	server := testkit.SharedPostgres(t)
	database, dir := server.EmptyDatabase(t), t.TempDir()
	node := func(keyFile string) *testkit.Process {
		return testkit.Install(t, t.TempDir(), []string{"CLAVIGER_STORE_URL=" + database, "CLAVIGER_SECURITY_KEY_FILE=" + filepath.Join(dir, keyFile)})
	}
	first, second := node("first.key"), node("second.key")
	c := &console{t: t, process: first, ConsoleURL: first.ConsoleURL, GatewayURL: first.GatewayURL}
	c.filled()
	key, err := os.ReadFile(filepath.Join(dir, "first.key"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "second.key"), key, 0o600))
	c.run("", "keys", "prepare", "--reason", reason)
	c.run("", "token", "create", "acme/orders", "--label", "CI deploy", "--reason", reason)
	first.Start()
	second.Start()
	server.Exec(t, database, `INSERT INTO nodes (id, name, version, keys, started_at, heard_at, confirmed, lag)
		VALUES ('node_gone', 'keys-3-with-a-rather-long-name.subsidiary.acme.example', '1.1.3', '', $1, $1, 0, 0)`, time.Now().Add(-time.Hour).UnixMicro())
	c.tab = testkit.Browser(t)
	c.at(orgPath + "/nodes")
	c.signIn(owner)
	return c
}

// TestAxeOfNodes looks at the servers that share a database, before and after something was taken away, and at the page
// of a server that is the only one.
func TestAxeOfNodes(t *testing.T) {
	t.Parallel()
	one := open(t)
	one.filled()
	one.at(orgPath + "/nodes")
	one.signIn(owner)
	one.tab.WaitText("main", "This server is the only one")
	one.inspect(t, "one node")
	c := several(t)
	c.comes(orgPath+"/nodes", "main", "different keys")
	c.tab.WaitText("main", "Nothing was revoked")
	c.tab.WaitText("main", "Silent")
	c.inspect(t, "nodes")
	c.run("", "app", "disable-basic", "acme/orders", "--reason", reason)
	c.comes(orgPath+"/nodes", "main", "yes, after")
	c.inspect(t, "nodes, after something was taken away")
}
