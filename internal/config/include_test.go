package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// folder writes files into a folder of their own, and returns it.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestIncludedValuesGiveWay plays a site of a fleet: the file of the site builds on that of the
// fleet and on a folder of parts. The site's own value stands, then the last part's, then the
// fleet's, and the default where nobody says anything.
func TestIncludedValuesGiveWay(t *testing.T) {
	dir := folder(t, map[string]string{
		"site.yaml": "include: [fleet/base.yaml, conf.d/*.yaml]\n" +
			"cache:\n  max_ttl: 1h\n",
		"fleet/base.yaml": "cache: {max_ttl: 2h, min_ttl: 5, memory: 64MiB}\n" +
			"policy: {hosts_files: [hosts]}\nresolver: {do_not_query: [10.0.0.0/8]}\n",
		"fleet/hosts":        "192.0.2.1 a.example\n",
		"conf.d/20-b.yaml":   "cache: {memory: 96MiB}\nresolver: {do_not_query: [192.0.2.0/24]}\n",
		"conf.d/10-a.yaml":   "cache: {memory: 80MiB, min_ttl: 7}\n",
		"conf.d/README":      "not a part",
		"conf.d/30-none.off": "cache: [",
	})
	c, found := Read(filepath.Join(dir, "site.yaml"))
	if len(found.Errors()) > 0 {
		t.Fatal(found)
	}
	if c.Cache.Max != time.Hour || c.Cache.Min != 7*time.Second || c.Cache.Memory != 96<<20 {
		t.Errorf("max_ttl %v, min_ttl %v, memory %d", c.Cache.Max, c.Cache.Min, c.Cache.Memory)
	}
	if got := fmt.Sprint(c.HostsFiles); !strings.Contains(got, dir+"/fleet/hosts") {
		t.Errorf("a path is relative to the file that it stands in, not %s", got)
	}
	if got := c.text["resolver.do_not_query"]; got != `["192.0.2.0/24"]` {
		t.Errorf("a list takes the place of a list: %s", got)
	}
	var shown strings.Builder
	if err := c.Show(&shown); err != nil ||
		!strings.Contains(shown.String(), "# from "+dir+"/conf.d/20-b.yaml:1\n  memory: 96MiB") {
		t.Errorf("config show does not say where a value stands: %v\n%s", err, shown.String())
	}
}

// TestFindingsOfIncludedFiles: each finding names the file, line and column that it is about, and
// those of one file stand together. A value that another takes the place of has to be right, too.
func TestFindingsOfIncludedFiles(t *testing.T) {
	dir := folder(t, map[string]string{
		"main.yaml": "include:\n  - a.yaml\n  - nothing.yaml\n  - none/*.yaml\n  - [x]\n  - '['\n" +
			"cache: {max_ttl: 1h}\nserver: {max_udp_size: 100}\n",
		"a.yaml": "include: main.yaml\ncache:\n  max_ttl: long\n  memroy: 1GiB\n" +
			"server: {max_udp_size: 1232}\n",
		"broken.yaml": "cache: [",
	})
	_, found := Read(filepath.Join(dir, "main.yaml"))
	var got []string
	for _, f := range found {
		got = append(got, strings.ReplaceAll(f.Error(), dir+"/", ""))
	}
	want := []string{
		"main.yaml:3:5: include: stat nothing.yaml: no such file or directory",
		"main.yaml:5:5: include wants a file, a pattern such as conf.d/*.yaml, or a list of such",
		"main.yaml:6:5: include: \"[\": syntax error in pattern",
		"main.yaml:8:24: server.max_udp_size: \"100\" is not a number from 512 to",
		"a.yaml:1:10: include: main.yaml would include itself",
		"a.yaml:3:12: cache.max_ttl: \"long\" is not a duration",
		"a.yaml:4:3: unknown key cache.memroy; did you mean cache.memory?",
	}
	if len(got) != len(want) {
		t.Fatalf("got\n%s", strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
	_, found = Read(filepath.Join(dir, "broken.yaml"))
	if len(found) != 1 || !strings.Contains(found[0].Error(), "broken.yaml:1:") {
		t.Errorf("got %v", found)
	}
}

// TestLimitsOfIncludes: files that include each other end, devices are not read, and a file that
// leads to itself by another name is found.
func TestLimitsOfIncludes(t *testing.T) {
	files := map[string]string{"self.yaml": "include: link.yaml\n",
		"dev.yaml":   "include: /dev/zero",
		"large.yaml": "include: octets\n",
		"octets":     strings.Repeat("# much\n", maxOctets/7+1)}
	for i := range maxDepth + 1 {
		files[fmt.Sprintf("a%d.yaml", i)] = fmt.Sprintf("include: a%d.yaml\n", i+1)
	}
	files[fmt.Sprintf("a%d.yaml", maxDepth+1)] = "cache: {min_ttl: 1}\n"
	dir := folder(t, files)
	err := os.Symlink(filepath.Join(dir, "self.yaml"), filepath.Join(dir, "link.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a0.yaml":    fmt.Sprintf("more than %d files include each other", maxDepth),
		"self.yaml":  "would include itself",
		"dev.yaml":   "/dev/zero is not a file",
		"large.yaml": "has more than 16 MiB",
	} {
		_, found := Read(filepath.Join(dir, name))
		if !strings.Contains(fmt.Sprint(found), want) {
			t.Errorf("%s: got %v", name, found)
		}
	}
}

// TestValuesFromTheEnvironment writes variables into values of every kind, and shows that what a
// variable holds cannot become a key, and that a name is never expanded.
func TestValuesFromTheEnvironment(t *testing.T) {
	t.Setenv("POD_IP", "192.0.2.7")
	t.Setenv("TTL", "90")
	t.Setenv("EMPTY", "")
	t.Setenv("NESTED", "${TTL}")
	t.Setenv("EVIL", "64MiB\nserver: {cookies: false}")
	c, found := inspect("/etc/b.yaml", []byte("listen:\n  udp:\n    - ${POD_IP}:53\n"+
		"    - \"[${ALSO:-2001:db8::7}]:53\"\n"+
		"cache: {max_ttl: \"${TTL}\", min_ttl: \"${EMPTY:-3}\"}\n"+
		"server:\n  identity: \"a $${TTL} b ${EMPTY}c${NESTED}\"\n  version: >-\n    ${TTL} x\n"))
	if len(found.Errors()) > 0 {
		t.Fatal(found)
	}
	if got := fmt.Sprint(c.text["listen.udp"]); !strings.Contains(got, "192.0.2.7:53") ||
		!strings.Contains(got, "[2001:db8::7]:53") {
		t.Errorf("listen.udp: %s", got)
	}
	if c.Cache.Max != 90*time.Second || c.Cache.Min != 3*time.Second ||
		c.Server.Identity != "a ${TTL} b c${TTL}" || c.Server.Version != "90 x" {
		t.Errorf("%v %v %q %q", c.Cache.Max, c.Cache.Min, c.Server.Identity, c.Server.Version)
	}
	for text, want := range map[string]string{
		"cache: {memory: \"${EVIL}\"}":     `is not a size`,
		"cache:\n  memory: ${NOT_SET}":     `/etc/b.yaml:2:11: the environment has no variable`,
		"cache:\n  memory: ${TTL":          `a } is missing`,
		"cache:\n  memory: ${A B}":         `"A B" is not a name of a variable`,
		"cache:\n  memory: ${}":            `"" is not a name of a variable`,
		"${TTL}: 1":                        `unknown key ${TTL}`,
		"warm: {names: [a, \"${9}\"]}":     `"9" is not a name of a variable`,
		"views: [{name: \"${NOT_SET2}\"}]": `no variable NOT_SET2`,
	} {
		c, found := inspect("/etc/b.yaml", []byte(text))
		if !strings.Contains(fmt.Sprint(found), want) || !c.Server.Cookies {
			t.Errorf("%s: got %v", text, found)
		}
	}
}
