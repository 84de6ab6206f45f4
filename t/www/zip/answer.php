<?php
// The same answers from a directory whose answers are compressed.
require __DIR__ . "/../answer.php";
