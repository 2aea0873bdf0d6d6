package commands

import (
	"slices"
	"testing"
	"time"
)

// report is what people have met with programs that share commands, settings or secrets, as they
// reported it in public: the project and the number.
type report struct {
	seen      []string
	situation string
	nodes     int
	story     func(t *testing.T, w *world)
}

// TestFieldReports rebuilds what went wrong elsewhere.
func TestFieldReports(t *testing.T) {
	for _, r := range []report{
		{[]string{"redis/redis 3559", "redis/redis 4079", "redis/redis 12755",
			"django/channels_redis 256", "etaty/rediscala 84", "hanami/events 32",
			"alibaba/jetcache 714"},
			"what was published while a subscriber was not connected never reaches it", 3,
			func(t *testing.T, w *world) {
				w.stall(true)
				_, _ = w.nodes[0].try("add", "a.example.")
				_, _ = w.nodes[1].try("add", "b.example.")
				pass(time.Minute)
				w.stall(false)
				pass(time.Minute)
				w.expect("all are connected again", "a.example. b.example.")
			}},
		{[]string{"redis/redis 12762", "redis/redis-doc 2127", "RedisLabs/redisraft 14"},
			"the store comes back with nothing: what was told is gone", 3,
			func(t *testing.T, w *world) {
				disk := w.stop(w.nodes[2])
				w.nodes[0].give("add", "a.example.")
				w.drop("")
				w.join("ns3", disk)
				pass(15 * time.Second)
				w.expect("after the restart", "a.example.")
			}},
		{[]string{"Snapchat/KeyDB 390", "redis/redis 2455"},
			"what was deleted is there again when a replica or an old copy takes over", 3,
			func(t *testing.T, w *world) {
				w.nodes[0].give("add", "a.example.")
				old := w.image("")
				w.nodes[1].give("remove", "a.example.")
				w.drop("")
				w.restore(old)
				pass(30 * time.Second)
				w.expect("an old copy took over", "")
			}},
		{[]string{"hashicorp/consul 13037", "hashicorp/consul 3415", "cloudamqp/lavinmq 1023",
			"exo-explore/exo 1332", "docker-archive/classicswarm 218"},
			"machines that were cloned have one identity, and disturb each other without end", 2,
			func(t *testing.T, w *world) {
				w.join("clone", w.nodes[1].saved())
				pass(2 * time.Minute)
				ids := map[string]bool{}
				for _, n := range w.nodes {
					ids[n.Nodes()[0].ID] = true
				}
				w.nodes[1].give("add", "a.example.")
				w.nodes[2].give("add", "b.example.")
				if w.expect("both command", "a.example. b.example."); len(ids) != 3 {
					t.Errorf("%d identities", len(ids))
				}
			}},
		{[]string{"scylladb/scylladb 10966", "endpointservices/mps3 37"},
			"of two servers whose clocks differ the earlier command wins over the later one", 3,
			func(t *testing.T, w *world) {
				n := w.nodes[1]
				n.mu.Lock()
				n.ahead = 4 * time.Second
				n.mu.Unlock()
				pass(2 * time.Second)
				n.give("add", "a.example.")
				w.nodes[0].give("remove", "a.example.") // by a clock that is 4 s behind
				w.expect("the removal came later", "")
				n.give("add", "a.example.")
				w.expect("and was taken back", "a.example.")
			}},
		{[]string{"Factual/skuld 13", "cockroachdb/docs 1303"},
			"one node whose clock is wrong takes all others with it", 3,
			func(t *testing.T, w *world) {
				n := w.nodes[1]
				n.mu.Lock()
				n.ahead = -time.Hour
				n.mu.Unlock()
				pass(30 * time.Second)
				if r := w.nodes[0].give("add", "a.example."); !slices.Equal(r.Applied,
					[]string{"ns1", "ns3"}) || !slices.Equal(r.Silent, []string{"ns2"}) {
					t.Errorf("%+v", r)
				}
				n.mu.Lock()
				n.ahead = 0
				n.mu.Unlock()
				pass(30 * time.Second)
				w.expect("the clock is right again", "a.example.")
			}},
		{[]string{"TechnitiumSoftware/DnsServer 1623", "RamSet/pihole-ha-cluster 4"},
			"the primary is told that all is well, and the other node has not got it", 2,
			func(t *testing.T, w *world) {
				w.pretend(image{w.nodes[0].journal(): nil})
				r := w.nodes[0].give("add", "a.example.")
				if !slices.Equal(r.Waiting, []string{"ns2"}) {
					t.Errorf("%+v", r)
				}
				if e := w.nodes[0].Audit()[0]; slices.Contains(e.Applied, "ns2") {
					t.Errorf("%+v", e)
				}
				w.pretend(nil)
				pass(10 * time.Second)
				if e := w.nodes[0].Audit()[0]; !slices.Contains(e.Applied, "ns2") {
					t.Errorf("%+v", e)
				}
			}},
		{[]string{"TechnitiumSoftware/DnsServer 134", "TechnitiumSoftware/DnsServer 231"},
			"without the primary nothing can be told", 3,
			func(t *testing.T, w *world) {
				w.nodes[0].give("add", "a.example.")
				w.stop(w.nodes[0])
				w.nodes[1].give("remove", "a.example.")
				w.nodes[1].give("add", "b.example.")
				w.expect("the first is gone", "b.example.")
			}},
		{[]string{"PowerDNS/pdns 13336", "caddyserver/caddy 2298", "caddyserver/caddy 1738",
			"tempesta-tech/tempesta 829", "tsuru/rpaas 27"},
			"each server has a ticket key of its own, and resumes no session of another", 3,
			func(t *testing.T, w *world) { w.alike("as soon as they have met") }},
		{[]string{"PowerDNS/pdns 8949"},
			"keys that were loaded are changed at once, as the time of the change was not known", 2,
			func(t *testing.T, w *world) {
				first := string(w.alike("at first"))
				disk := w.stop(w.nodes[1])
				w.join("ns2", disk)
				pass(secretsLead + 30*time.Second)
				if string(w.alike("after a restart")) != first {
					t.Error("a restart changes the keys")
				}
			}},
		{[]string{"PowerDNS/pdns 3920"},
			"with several resolvers an exception is added to each by hand, and one is forgotten", 4,
			func(t *testing.T, w *world) {
				if r := w.nodes[3].give("add", "a.example."); len(r.Applied) != 4 {
					t.Errorf("%+v", r)
				}
				w.expect("one was told", "a.example.")
			}},
	} {
		t.Run(r.situation, func(t *testing.T) {
			play(t, r.nodes, func(w *world) {
				pass(5 * time.Second)
				r.story(t, w)
				if t.Failed() {
					t.Logf("seen: %v", r.seen)
				}
			})
		})
	}
}
