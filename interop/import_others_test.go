// Configurations of other programs than Unbound that `bailiwick import` converts.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// importedFile is a file of internal/migrate/testdata with the program that it is for.
type importedFile struct {
	name, program, peer string
	// lab adapts its text to the lab's root.
	lab func(text string, root root, hints string) string
	run func(t *testing.T, path, hints string)
	// more is what the lab needs beside what was converted.
	more func(root root) string
}

var importedFiles = []importedFile{
	{"office.named.conf", "BIND", bindAddr, bindLab, runBIND, nil},
	{"split.named.conf", "BIND", bindAddr, bindLab, runBIND, nil},
	{"edge.recursor.conf", "PowerDNS", recursorAddr, recursorLab, runRecursor, labAnchor},
	{"school.kresd.conf", "Knot Resolver", knotAddr, knotLab, runKnot, nil},
	{"home.dnsmasq.conf", "dnsmasq", dnsmasqAddr, dnsmasqLab, runDnsmasq, labAnchor},
}

const dnsmasqAddr = "127.0.0.1:5336"

// dnsmasqLab has it stay who it is.
func dnsmasqLab(text string, _ root, _ string) string { return text + "user=root\n" }

// runDnsmasq runs it with a resolver that it asks: Unbound, which does not validate.
func runDnsmasq(t *testing.T, path, hints string) {
	t.Helper()
	dir := folder(t.TempDir())
	start(t, "unbound", "-d", "-c", dir.write(t, "unbound.conf", strings.Replace(unboundConf(
		fmt.Sprintf("  interface: 127.0.0.1@5301\n  do-not-query-localhost: no\n  root-hints: %q\n",
			hints), ""), "validator iterator", "iterator", 1)))
	start(t, "dnsmasq", "-k", "-C", path)
}

// knotLab adds the lab's anchor, and takes out what asks the Internet.
func knotLab(text string, root root, hints string) string {
	return "log_level('crit')\noption('ALLOW_LOCAL', true)\n" +
		strings.ReplaceAll(text, "/usr/share/dns/root.hints", hints) +
		fmt.Sprintf("for _, m in ipairs({'ta_update','ta_signal_query','priming',"+
			"'detect_time_skew','detect_time_jump'}) do pcall(modules.unload, m) end\n"+
			"trust_anchors.remove('.')\ntrust_anchors.add(%q)\n", root.anchor)
}

func runKnot(t *testing.T, path, _ string) {
	start(t, "kresd", "-n", "-c", path, filepath.Dir(path))
}

// recursorLab takes the anchor out of the Lua that only the recursor reads.
func recursorLab(text string, root root, hints string) string {
	ds := strings.Fields(root.anchor)
	dir := folder(filepath.Dir(hints))
	lua := fmt.Sprintf("clearTA()\naddTA('.', %q)\n", strings.Join(ds[len(ds)-4:], " "))
	if err := os.WriteFile(dir.path("trust.lua"), []byte(lua), 0o600); err != nil {
		panic(err)
	}
	return strings.NewReplacer("/usr/share/dns/root.hints", hints, "/run/pdns-recursor",
		string(dir), "edge.lua", dir.path("trust.lua")).Replace(text)
}

// labAnchor is for programs whose anchors are none of the file.
func labAnchor(root root) string {
	return fmt.Sprintf("trust_anchors: {builtin: false, records: [%q]}\n", root.anchor)
}

// runRecursor runs it with the file under the name that it wants.
func runRecursor(t *testing.T, path, _ string) {
	t.Helper()
	dir := folder(t.TempDir())
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir.write(t, "recursor.conf", string(text))
	start(t, "pdns_recursor", "--config-dir="+string(dir))
}

func bindLab(text string, root root, hints string) string {
	ds := strings.Fields(root.anchor)
	return strings.ReplaceAll(text, "/usr/share/dns/root.hints", hints) + fmt.Sprintf(
		"trust-anchors { \".\" static-ds %s %s %s %q; };\n", ds[len(ds)-4], ds[len(ds)-3],
		ds[len(ds)-2], ds[len(ds)-1])
}

func runBIND(t *testing.T, path, _ string) {
	start(t, "named", "-f", "-4", "-n", "1", "-c", path)
}

// TestImportedFilesOfOthers starts each program with a file and Bailiwick with what it is converted
// to, and asks both from clients that the file treats each in their own way.
func TestImportedFilesOfOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "named", "pdns_recursor", "kresd", "dnsmasq",
			"unbound"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "blocked.example.", Records: "@ A 192.0.2.1"})
	w.Add(lab.Zone{Name: "ad.example.", Records: "a A 192.0.2.1"})
	root, dir := listen(t, w), folder(t.TempDir())
	serveHouses(t)
	bin := build(t, string(dir))
	hints := dir.write(t, "hints", root.hints())
	for _, f := range importedFiles {
		t.Run(f.name, func(t *testing.T) { f.compare(t, bin, root, hints) })
	}
}

// compare compares the answers of a file, which lies among the others of its folder.
func (f *importedFile) compare(t *testing.T, bin string, root root, hints string) {
	dir := folder(t.TempDir())
	all, err := filepath.Glob("../internal/migrate/testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if name == f.name {
			text = []byte(strings.ReplaceAll(f.lab(string(text), root, hints), "edge.hosts",
				dir.path("edge.hosts"))) // some look for it elsewhere
		}
		dir.write(t, name, string(text))
	}
	source := dir.path(f.name)
	converted, err := exec.Command(bin, "import", source).Output()
	if err != nil && len(converted) == 0 {
		t.Fatal(err)
	}
	t.Chdir(string(dir)) // paths are relative to where a program was started
	f.run(t, source, hints)
	more := "resolver: {ipv6: \"false\", do_not_query_localhost: false}\n"
	if f.more != nil {
		more += f.more(root)
	}
	serveImported(t, bin, dir, string(converted), more)
	compareAnswers(t, f.program, f.peer, f.program != "dnsmasq")
}
