module kfimg.test/certverify

go 1.18
