//go:build linux

package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Paths of Nchan's locations.
const (
	// NchanPublish takes one record with each POST.
	NchanPublish = "/publish"
	// nchanMessages is how many messages the channel keeps: more than a burst of the saturation scenario.
	nchanMessages = 8192
)

// modules are the folders in which Debian and others keep nginx's modules.
var modules = []string{"/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules"}

// Nchan is an nginx with the Nchan module.
type Nchan struct{ Nginx, Module string }

// FindNchan returns where nginx and its module are, or what is missing.
func FindNchan() (n Nchan, err error) {
	if n.Nginx, err = exec.LookPath("nginx"); err != nil {
		if n.Nginx, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return n, missing("nginx is not installed")
		}
	}
	for _, dir := range modules {
		n.Module = filepath.Join(dir, "ngx_nchan_module.so")
		if _, err := os.Stat(n.Module); err == nil {
			return n, nil
		}
	}
	return n, missing("nginx has no module ngx_nchan_module.so in " + strings.Join(modules, ", "))
}

// Config writes the configuration of a server at listen that serves events at path, keeps its files in dir and has so many
// worker processes: its defaults otherwise.
func (n Nchan) Config(dir, listen, path string, workers int) string {
	var temp strings.Builder
	for _, of := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "    %s_temp_path %s;\n", of, filepath.Join(dir, of))
	}
	return fmt.Sprintf(`load_module %s;
daemon off;
worker_processes %d;
worker_rlimit_nofile 20000;
pid %s;
error_log stderr warn;
events { worker_connections 18000; }
http {
    access_log off;
    keepalive_requests 1000000000;
%s    nchan_shared_memory_size 256m;
    server {
        listen %s backlog=4096;
        location = %s {
            nchan_subscriber eventsource;
            nchan_channel_id bench;
            nchan_eventsource_ping_interval 15;
        }
        location = %s {
            nchan_publisher http;
            nchan_channel_id bench;
            nchan_message_buffer_length %d;
            nchan_message_timeout 10m;
        }
    }
}
`, n.Module, workers, filepath.Join(dir, "nginx.pid"), temp.String(), listen, path, NchanPublish, nchanMessages)
}

// Version returns nginx's version, and that of the module's package where dpkg knows it.
func (n Nchan) Version() string {
	text, err := exec.Command(n.Nginx, "-v").CombinedOutput()
	if err != nil {
		return "nginx of unknown version"
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(text)), "nginx version: ")
	if module, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan").Output(); err == nil {
		version += ", libnginx-mod-nchan " + string(module)
	}
	return version
}
