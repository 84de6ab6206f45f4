# SPDX-License-Identifier: Apache-2.0
#
# The stand-in for mod_fastcgi (t/standin), built by apxs once per run, and the servers that
# load it.
package FPMT::Standin;

use strict;
use warnings;
use File::Path qw(make_path);
use FPMT qw($SCRATCH setting put slurp);

my $name = 'mod_fastcgi'; # by which httpd knows the module

# The LoadModule lines of what via=fastcgi needs and a test server has not.
sub load_lines {
    my $so = "$SCRATCH/standin/.libs/$name.so";
    if (!-e $so) {
        make_path("$SCRATCH/standin");
        put("$SCRATCH/standin/$name.c", slurp(setting('t') . "/standin/${name}_standin.c"));
        my $build = setting('apxs') . " -c -Wc,-Wall -Wc,-Wextra -Wc,-Werror $name.c";
        system("cd $SCRATCH/standin && $build >build.log 2>&1") == 0
            or die "$build: ", slurp("$SCRATCH/standin/build.log");
    }
    return 'LoadModule actions_module ' . setting('libexec') . "/mod_actions.so\nLoadModule fastcgi_module $so\n";
}

# Has a configured server load them.
sub add {
    my ($server, $lines) = @_;
    my $file = "$server->{dir}/httpd.conf";
    put($file, slurp($file) =~ s/^ServerRoot /($lines || load_lines()) . 'ServerRoot '/emr);
}

1;
