<?php
echo 'old';
