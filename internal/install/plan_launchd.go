// An installation on macOS.

package install

import (
	"fmt"
	"path"
)

// Paths of what is installed on macOS.
const (
	launchdProgram = "/usr/local/bin/bailiwick"
	launchdConfig  = "/etc/bailiwick/bailiwick.yaml"
	launchdRecord  = "/var/db/bailiwick.installed"
	launchdState   = "/var/db/bailiwick"
	launchdLog     = "/var/log/bailiwick"
	daemonPath     = "/Library/LaunchDaemons/bailiwick.plist"
	linksDaemon    = "/Library/LaunchDaemons/bailiwick-links.plist"
)

// launchd adds all of an installation on macOS. The server runs as root: no other user may listen
// at port 53 of an address there.
func (m *maker) launchd() {
	m.needs("/etc", path.Dir(launchdRecord), path.Dir(daemonPath))
	m.program()
	m.own(launchdState)
	m.own(launchdLog)
	m.write(daemonPath, file(0o644, []byte(daemon)), false)
	m.write(linksDaemon, file(0o644, []byte(linksWatcher)), false)
	m.load(daemonPath, "system/bailiwick")
	m.wait()
	m.links()
	m.load(linksDaemon, "system/bailiwick-links")
}

// load adds that launchd runs a daemon. A label that was disabled stays so, and bootstrap fails
// with "5: Input/output error". On the way back it fails only if the daemon is there afterwards:
// bootout fails with one that was never loaded, and with one that takes its time
// (DeterminateSystems/nix-installer 1187).
func (m *maker) load(path, label string) {
	m.command([]string{"launchctl", "enable", label}, nil)
	m.command([]string{"launchctl", "bootstrap", "system", path}, []string{"sh", "-c",
		fmt.Sprintf("launchctl bootout %s; n=0; while launchctl print %[1]s >/dev/null 2>&1; "+
			"do n=$((n+1)); [ $n -lt 60 ] || exit 1; sleep 1; done", label)})
}

// linksWatcher is the property list of what looks at the network services when they have changed:
// macOS adds one for each new piece of hardware, and writes it into these files.
const linksWatcher = plistHead + `
  <key>Label</key><string>bailiwick-links</string>
  <key>ProgramArguments</key>
  <array>
    <string>` + launchdProgram + `</string>
    <string>install</string>
    <string>--links</string>
  </array>
  <key>WatchPaths</key>
  <array>
    <string>/Library/Preferences/SystemConfiguration/preferences.plist</string>
    <string>/Library/Preferences/SystemConfiguration/NetworkInterfaces.plist</string>
  </array>
  <key>RunAtLoad</key><true/>
  <key>StandardErrorPath</key><string>` + launchdLog + `/links.log</string>
</dict>
</plist>
`

// plistHead begins a property list.
const plistHead = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"
  "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by bailiwick install; bailiwick uninstall removes it. -->
<plist version="1.0">
<dict>`

// daemon is the property list of the daemon. launchd's own limits are 256 files, which is too few,
// and 20 seconds until it kills, which is less than the answers may take.
const daemon = plistHead + `
  <key>Label</key><string>bailiwick</string>
  <key>ProgramArguments</key>
  <array>
    <string>` + launchdProgram + `</string>
    <string>serve</string>
    <string>--config</string><string>` + launchdConfig + `</string>
    <string>--log</string><string>` + launchdLog + `/bailiwick.log</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>STATE_DIRECTORY</key><string>` + launchdState + `</string>
  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><true/>
  <key>ExitTimeOut</key><integer>90</integer>
  <key>ProcessType</key><string>Interactive</string>
  <key>SoftResourceLimits</key>
  <dict><key>NumberOfFiles</key><integer>65536</integer></dict>
  <key>HardResourceLimits</key>
  <dict><key>NumberOfFiles</key><integer>65536</integer></dict>
</dict>
</plist>
`
