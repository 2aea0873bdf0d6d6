// The rules by which pages are followed.

package interop

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPageOutput compares what a command prints with what a page says of it.
func TestPageOutput(t *testing.T) {
	for _, c := range []struct {
		want []string
		got  string
		same bool
	}{
		{nil, "", true},
		{nil, "anything\n", false},
		{[]string{"192.0.2.1"}, "192.0.2.1\n", true},
		{[]string{"192.0.2.1"}, "192.0.2.10\n", false},
		{[]string{"192.0.2.1"}, "192.0.2.1\n192.0.2.2\n", false},
		{[]string{"192.0.2.1", "192.0.2.2"}, "192.0.2.1\n", false},
		{[]string{"ZONE  STATE", "a.   up"}, "ZONE       STATE\na.         up\n", true},
		{[]string{"uptime: ..."}, "uptime: 3s\n", true},
		{[]string{"uptime: ..."}, "uptime: 3s\npid: 1\n", false},
		{[]string{"...", "ready: yes", "..."}, "pid: 1\nready: yes\nuptime: 3s\n", true},
		{[]string{"...", "ready: yes", "..."}, "ready: yes\n", true},
		{[]string{"...", "ready: yes", "..."}, "pid: 1\nready: no\n", false},
		{[]string{"a+b (c)"}, "a+b (c)\n", true},
	} {
		if got := (&command{want: c.want}).matches(c.got); got != c.same {
			t.Errorf("%q for %q: %v", c.got, c.want, got)
		}
	}
}

// TestPageReading finds files and commands of a page, with what they print.
func TestPageReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	text := "# A page\n```yaml\n# /etc/a.yaml\nlisten: {}\n```\nText.\n```console\n" +
		"$ first \\\n    of two\nclient$ second\nprints\n...\n```\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks := readPage(t, path)
	if len(blocks) != 2 || blocks[0].file != "/etc/a.yaml" ||
		blocks[0].text != "# /etc/a.yaml\nlisten: {}\n" {
		t.Fatalf("%+v", blocks)
	}
	c := blocks[1].commands
	if len(c) != 2 || c[0].text != "first \\\n    of two" || c[0].client || !c[1].client ||
		len(c[0].want) != 0 || len(c[1].want) != 2 {
		t.Fatalf("%+v", c)
	}
}

// TestPageCommandsThatChangeRunOnce repeats only commands that look.
func TestPageCommandsThatChangeRunOnce(t *testing.T) {
	for text, looks := range map[string]bool{
		"dig @127.0.0.1 example": true, "bailiwick ctl zones": true,
		"bailiwick ctl nta add example": false, "bailiwick ctl reload": false,
		"curl -s http://127.0.0.1:5380/metrics": true, "curl -s -d '{}' $API/flush": false,
		"openssl rand -hex 32 > secret": false,
	} {
		if got := (&command{text: text}).looks(); got != looks {
			t.Errorf("%s only looks: %v", text, got)
		}
	}
}
