# SPDX-License-Identifier: Apache-2.0
#
# Apache::TestRun for a server whose parent is root: the module's main job is to write
# files as root and to run PHP as other users. The children run as an ordinary user.
package FPMT::TestRun;

use strict;
use warnings;
use parent 'Apache::TestRun';

# The refusal of root is lifted; it is meant for suites whose children would be root.
sub check_runtime_user { return 1 }

1;
