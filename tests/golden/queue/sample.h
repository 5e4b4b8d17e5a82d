Received: by mail.example.test (Postfix)
	id 4A1; now
Subject: golden
