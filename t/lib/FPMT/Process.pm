# SPDX-License-Identifier: Apache-2.0
#
# Processes and files, for t/run and the tests: wait for a condition with a deadline, end
# what was started, read and write whole files.
package FPMT::Process;

use strict;
use warnings;
use Time::HiRes ();

# Calls $look until it is true or $sec seconds are over; returns what it said last.
sub wait_for {
    my ($sec, $look) = @_;
    my $deadline = Time::HiRes::time() + $sec;
    while (1) {
        my $seen = $look->();
        return $seen if $seen || Time::HiRes::time() > $deadline;
        select undef, undef, undef, 0.01;
    }
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return;
    local $/;
    return scalar(<$in>) // '';
}

sub put {
    my ($path, $text) = @_;
    open my $out, '>:raw', $path or die "$path: $!\n";
    print $out $text;
    close $out or die "$path: $!\n";
}

# Is it there, and not merely a zombie?
sub alive {
    my ($pid) = @_;
    my $stat = slurp("/proc/$pid/stat") // return 0;
    return $stat !~ /\) [ZX]/;
}

# Every server and test whose command line names this folder, and their children (the workers
# of php-fpm have other titles). Somebody's editor or pager in that folder is not ours.
sub of_folder {
    my ($folder) = @_;
    my (%parent, %mine);
    for my $dir (glob '/proc/[0-9]*') {
        my ($pid) = $dir =~ /(\d+)/;
        next if $pid == $$;
        my $stat = slurp("$dir/stat") // next;
        ($parent{$pid}) = $stat =~ /\) \w (\d+)/;
        my $line = slurp("$dir/cmdline") // next;
        (readlink("$dir/exe") // '') =~ m{/(?:apache2|httpd|php-fpm|perl|strace)[^/]*$} or next;
        $mine{$pid} = 1 if $line =~ m{\Q$folder\E(?![^/\0 )])};
    }
    my $more = 1;
    while ($more) {
        $more = 0;
        for my $pid (grep { !$mine{$_} } keys %parent) {
            $mine{$pid} = $more = 1 if $mine{ $parent{$pid} // 0 };
        }
    }
    return grep { $_ != $$ } keys %mine;
}

# TERM, then KILL for what does not listen.
sub end_pids {
    my (@pids) = @_;
    kill TERM => @pids if @pids;
    wait_for(8, sub { reap(); !grep { alive($_) } @pids }) and return;
    kill KILL => grep { alive($_) } @pids;
    wait_for(5, sub { reap(); !grep { alive($_) } @pids });
}

sub end_all { end_pids(of_folder($_[0])) }

sub reap { 1 while waitpid(-1, 1) > 0 }

1;
