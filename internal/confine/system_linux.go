package confine

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// system is what Go's runtime and libraries read of a system, by what for. None of it is secret.
var system = []Path{
	{"/proc", Read, "processes, uptime, sockets"},
	{"/sys", Read, "processors, control groups"},
	{"/dev/null", Device, "output to nowhere"},
	{"/dev/urandom", Read, "random numbers, where the kernel has no call for them"},
	{"/etc/resolv.conf", Read, "names of collectors"},
	{"/etc/hosts", Read, "names of collectors"},
	{"/etc/nsswitch.conf", Read, "names of collectors"},
	{"/etc/host.conf", Read, "names of collectors"},
	{"/etc/gai.conf", Read, "names of collectors"},
	{"/etc/services", Read, "names of ports"},
	{"/etc/passwd", Read, "process.user"},
	{"/etc/group", Read, "control.socket_group"},
	{"/etc/localtime", Read, "time zone"},
	{"/usr/share/zoneinfo", Read, "time zone"},
	{"/etc/ssl/certs", Read, "certificates of the system"},
	{"/etc/ssl/cert.pem", Read, "certificates of the system"},
	{"/etc/ssl/ca-bundle.pem", Read, "certificates of the system"},
	{"/etc/pki/tls/certs", Read, "certificates of the system"},
	{"/etc/pki/tls/cacert.pem", Read, "certificates of the system"},
	{"/etc/pki/ca-trust/extracted", Read, "certificates of the system"},
	{"/usr/share/ca-certificates", Read, "certificates of the system"},
	{"/usr/local/share/ca-certificates", Read, "certificates of the system"},
	{"/etc/bailiwick", Read, "files of a later configuration"},
	{"/var/log/bailiwick", Write, "logs of a later configuration"},
}

// System returns what any process uses, and this program in particular: to execute itself again,
// and its successor from the same directory. Where a reload may turn on a log, that is allowed from
// the start.
func System(program string) []Path {
	all := append(slices.Clone(system), Path{os.TempDir(), Write, "temporary files"})
	if to, err := filepath.EvalSymlinks("/etc/resolv.conf"); err == nil &&
		filepath.Dir(to) != "/etc" { // a daemon writes it, another one each time
		all = append(all, Around(Path{to, Read, "names of collectors"})...)
	}
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "ZONEINFO"} {
		for _, path := range filepath.SplitList(os.Getenv(name)) {
			all = append(all, Path{path, Read, name})
		}
	}
	all = append(all, Around(Path{program, Run, "this program, and one that takes over"})...)
	return append(all, libraries()...)
}

// libraries returns where the files are that this program consists of: none but the program if it
// is static.
func libraries() (all []Path) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return nil
	}
	defer f.Close()
	self, _ := os.Executable()
	dirs := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		v := strings.Fields(lines.Text()) // address rights offset device inode path
		if len(v) < 6 || !strings.HasPrefix(v[5], "/") || v[5] == self ||
			!strings.Contains(filepath.Base(v[5]), ".so") {
			continue
		}
		dirs[filepath.Dir(v[5])] = true
	}
	for dir := range dirs {
		all = append(all, Path{dir, Run, "libraries of this program"})
	}
	if all != nil {
		all = append(all, Path{"/etc/ld.so.cache", Read, "libraries of this program"})
	}
	slices.SortFunc(all, func(a, b Path) int { return strings.Compare(a.Path, b.Path) })
	return all
}
