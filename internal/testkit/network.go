package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Network is a network namespace with a cable to this one. A server in it reaches this side at Here and is reached at
// There; while the cable is out, packets of both are lost, as between machines. Only root can make one.
type Network struct {
	// Under are the words of a command under which something runs there: see [Process.Under].
	Under []string
	// Here and There are addresses of the cable that can be pulled; Apart is another one of that side, which stays.
	Here, There, Apart string

	name, ip string
}

// NewNetwork makes a network, which goes with the test.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make a network")
	}
	ip := Tool(t, "ip")
	id := os.Getpid() % 60000
	name := fmt.Sprintf("clav%d", id)
	subnet := func(k int) string { return fmt.Sprintf("10.%d.%d.", 64+id>>8&63, id&255&^1+k) }
	n := &Network{
		name: name, ip: ip, Under: []string{ip, "netns", "exec", name},
		Here: subnet(0) + "1", There: subnet(0) + "2", Apart: subnet(1) + "2",
	}
	if out, err := n.run("netns", "add", name); err != nil {
		unavailable(t, "no network can be made here: "+out)
	}
	t.Cleanup(func() { _, _ = n.run("netns", "del", name) }) // and with it the cables
	for k, there := range []string{n.There, n.Apart} {
		cable, end := fmt.Sprintf("%s-%d", name, k), fmt.Sprintf("end%d", k)
		for _, words := range []string{
			"link add " + cable + " type veth peer name " + end + " netns " + name,
			"addr add " + subnet(k) + "1/24 dev " + cable, "link set " + cable + " up",
			"-n " + name + " addr add " + there + "/24 dev " + end, "-n " + name + " link set " + end + " up", "-n " + name + " link set lo up",
		} {
			if out, err := n.run(strings.Fields(words)...); err != nil {
				unavailable(t, "no network can be made here: ip "+words+": "+out)
			}
		}
		t.Cleanup(func() { _, _ = n.run("link", "del", cable) })
	}
	return n
}

func (n *Network) run(words ...string) (string, error) {
	out, err := exec.Command(n.ip, words...).CombinedOutput()
	return string(out), err
}

// Pull pulls the cable: both ends send on, and nothing arrives.
func (n *Network) Pull(t testing.TB) { n.set(t, "down") }

// Plug puts it back.
func (n *Network) Plug(t testing.TB) { n.set(t, "up") }

func (n *Network) set(t testing.TB, state string) {
	t.Helper()
	if out, err := n.run("link", "set", n.name+"-0", state); err != nil {
		t.Fatalf("pull or plug a cable: %s", out)
	}
}
